# A recording that the program removes, or that another one takes the place of, is lost: that is told.
cxmsr() { cxlmemsim record -q --mem-latency 100ns --walk-latency 20ns --llc-size 1MiB "$@"; }
cxlmemsim doctor | grep -qE '^ *(clock|ptrace)  *works' || exit 77
cxmsr -o a.cxlt -- rm a.cxlt; echo $?
cxmsr -o a.cxlt -- sh -c 'echo >other && mv other a.cxlt'; echo $?
cxmsr -o b.cxlt -- true; echo $?
# A name that is too long for a message leaves room for the remedy.
cxmsr -o c.cxlt -- "./$(printf '%0200d' 1)"; echo $?
