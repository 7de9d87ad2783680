# needs a source that can watch
cxlmemsim doctor | grep -qE '^ *(clock|ptrace)  *works' || exit 77
R="cxlmemsim record --mem-latency 100ns --walk-latency 20ns --llc-size 1MiB -q -o a.cxlt"
# nothing is measured for it
cxlmemsim record -o a.cxlt -- ./none; echo $?
$R -- ./none; echo $?
$R -- none-such-program; echo $?
printf 'x' >plain; $R -- ./plain; echo $?
mkdir d; $R -- ./d; echo $?
$R -- ./plain/below; echo $?
printf '#!/no/such/shell\n' >script; chmod +x script; $R -- ./script; echo $?
$R -S ptrace -- ./script; echo $?
ls a.cxlt* 2>/dev/null || true
# without PATH programs are looked for where execvp(3) does
tool=$(command -v cxlmemsim); (unset PATH; "$tool" record --mem-latency 100ns --walk-latency 20ns -q -o b.cxlt -- true); echo $?
