# what is said goes nowhere then, least of all into the recording; to write to one is an error as ever
state() { cxlmemsim trace info "$1" | grep '^state'; }
cxlmemsim record -v -v -S synth --pattern '{duration: 50ms, footprint: 1MiB}' -o e.cxlt 2>&-; echo $?; state e.cxlt
cxlmemsim record -v -v -S synth --pattern '{duration: 50ms, footprint: 1MiB}' -o a.cxlt <&- >&- 2>&-; echo $?; state a.cxlt
cmp e.cxlt a.cxlt && echo same
cxlmemsim list sources >&-; echo $?
# needs a source that can watch
cxlmemsim doctor | grep -qE '^ *(clock|ptrace)  *works' || exit 77
W="cxlmemsim record -q --mem-latency 100ns --walk-latency 20ns --llc-size 1MiB -o p.cxlt"
$W -- sh -c 'for i in 0 1 2; do test -e /proc/self/fd/$i || echo $i; done >closed' <&- >&- 2>&-; echo $?
cat closed
