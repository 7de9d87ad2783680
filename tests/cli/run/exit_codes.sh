# needs a source that can watch
cxlmemsim doctor | grep -qE '^ *(clock|ptrace)  *works' || exit 77
W='i=0; while [ $i -lt 200000 ]; do i=$((i + 1)); done'
cxlmemsim -q --mem-latency 100ns --walk-latency 20ns --llc-size 1MiB -t one.yaml -o a -- sh -c "$W; exit 42"; echo $?
cxlmemsim -q --mem-latency 100ns --walk-latency 20ns --llc-size 1MiB -t one.yaml -o a -- sh -c "$W; "'kill -9 $$'; echo $?
cxlmemsim -q --mem-latency 100ns --walk-latency 20ns --llc-size 1MiB -t one.yaml -o b -- ./none; echo $?
cxlmemsim -q --mem-latency 100ns --walk-latency 20ns --llc-size 1MiB -t one.yaml -o b -- ./one.yaml; echo $?
ls a b 2>/dev/null || true
