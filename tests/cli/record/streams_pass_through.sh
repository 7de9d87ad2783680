# needs a source that can watch
cxlmemsim doctor | grep -qE '^ *(clock|ptrace)  *works' || exit 77
export X=env
echo in | cxlmemsim record --mem-latency 100ns --walk-latency 20ns --llc-size 1MiB -q -o a.cxlt -- sh -c 'cat; echo err >&2; echo "$0 $# $X"' a b c
