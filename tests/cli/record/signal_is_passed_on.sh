# needs a source that can watch
cxlmemsim doctor | grep -qE '^ *(clock|ptrace)  *works' || exit 77
cxlmemsim record --mem-latency 100ns --walk-latency 20ns --llc-size 1MiB -q -o a.cxlt -- sh -c 'trap "echo got; exit 7" TERM; echo >ready; while :; do sleep 0.05; done' &
tool=$!
i=0
while [ ! -e ready ] && [ $i -lt 100 ]; do sleep 0.1; i=$((i + 1)); done
kill -TERM $tool
wait $tool
echo $?
cxlmemsim trace info a.cxlt | grep ^state
