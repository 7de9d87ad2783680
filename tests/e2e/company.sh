# Another program on the CPU: who waits for it is told from who sleeps, and the slowdown stays that of the
# program's own time.
topology x3.yaml 100ns 300ns
cpu=$(taskset -pc $$ 2>/dev/null | sed 's/.*[ ]//; s/[-,].*//')
if ! taskset -c "${cpu:-none}" true 2>/dev/null; then
	skip_row company "taskset cannot pin a program to CPU '${cpu:-none}' here"
	finish
fi

timeout 100 taskset -c "$cpu" sh -c 'while :; do :; done' &
other=$!
cxms -q --mem-latency 100ns --walk-latency 50ns --llc-size 1MiB -t x3.yaml -f json -o shared.json --save shared.cxlt -- \
	taskset -c "$cpu" "$MB" chase --size 64MiB --pages base --steps 4000000 >shared.out 2>&1
status=$?
kill "$other"
wait "$other" 2>/dev/null
same "shared: exit status" $status 0 "$(tail -n 1 shared.out)"
flat shared.json >shared.flat

cpu_ns=$(field shared.flat basis.cpu_ns)
taken_ns=$(field shared.flat basis.cpu_taken_ns)
in_range "shared: others had the CPU, %" "$(calc "100 * $taken_ns / ($taken_ns + $cpu_ns)")" 20 99.9 \
	"one that never sleeps has as much of it, half"
says "shared: warned of" shared.flat '^warnings.*CXMS_W_CPU_TAKEN$' "it is company that this run had"
for row in 0 2; do
	in_range "shared: $row, of what is blocked" "$(field shared.flat "results[$row].cpu_taken_ns")" \
		"$(calc "0.9 * $(field shared.flat "results[$row].causes_ns.blocked") - 1e8")" \
		"$(field shared.flat "results[$row].causes_ns.blocked")" "all but a start is waiting for the CPU"
done
if [ "$SOURCE" = clock ] && awk '{ exit !($1 > 0) }' /proc/$$/schedstat 2>/dev/null; then
	in_range "shared: ready, as the kernel counts" "$(cxms trace dump shared.cxlt | sed -n 's/.* exit ready_ns=//p')" \
		"$(calc "0.5 * $taken_ns")" "$(field shared.flat workload.native_time_ns)" "the preemptions, and wake-ups"
fi
within "shared: slowdown" "$(field shared.flat 'results[2].slowdown')" \
	"$(field shared.flat 'results[2].threads[0].slowdown')" 5 \
	"that of its time on CPU: with three times as much to do it waits for the CPU as much longer"
finish
