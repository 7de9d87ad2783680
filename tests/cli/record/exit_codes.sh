# needs a source that can watch
cxlmemsim doctor | grep -qE '^ *(clock|ptrace)  *works' || exit 77
R="cxlmemsim record --mem-latency 100ns --walk-latency 20ns --llc-size 1MiB -q -o a.cxlt"
$R -- true; echo $?
$R -- sh -c 'exit 42'; echo $?
$R -- sh -c 'kill -9 $$'; echo $?
$R -- sh -c 'kill -TERM $$'; echo $?
$R -- sh -c 'exit 125'; echo $?
