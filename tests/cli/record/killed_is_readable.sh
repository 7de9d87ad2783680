# needs a source that can watch
cxlmemsim doctor | grep -qE '^ *(clock|ptrace)  *works' || exit 77
# the tool dies: what is written so far stands
cxlmemsim record --mem-latency 100ns --walk-latency 20ns --llc-size 1MiB -q -o a.cxlt -- sleep 30 &
tool=$!
i=0
while [ ! -s a.cxlt ] && [ $i -lt 100 ]; do sleep 0.1; i=$((i + 1)); done
sleep 1.5
kill -KILL $tool
wait $tool
cxlmemsim trace info a.cxlt | grep ^state
