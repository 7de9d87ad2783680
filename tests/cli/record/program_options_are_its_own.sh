# needs a source that can watch
cxlmemsim doctor | grep -qE '^ *(clock|ptrace)  *works' || exit 77
cxlmemsim record --mem-latency 100ns --walk-latency 20ns --llc-size 1MiB -q -o a.cxlt -- echo -o b --help -- -q
cxlmemsim record --mem-latency 100ns --walk-latency 20ns --llc-size 1MiB -q -o a.cxlt echo -o b
