# Threads, children and successors: each is seen, and each has its own slowdown.
topology x3.yaml 100ns 300ns

# watch NAME WORDS...: run with the options in ${watch_as[@]}, JSON into NAME.json, flattened into NAME.flat; result 2 is 0 % local
watch_as=()
watch() {
	local name=$1
	shift
	if ! cxms -q "${watch_as[@]}" -t x3.yaml -f json -o "$name.json" -- "$@" >"$name.out" 2>"$name.err"; then
		fail "$name" "ended with an error: $(cat "$name.err" "$name.out")"
		return 1
	fi
	flat "$name.json" >"$name.flat"
}

# workers_seen NAME: chasing workers (even) wait for memory, computing ones (odd) do not
workers_seen() {
	local i tid got
	[ -n "$(worker_tids "$1.out")" ] || fail "$1: workers" "none told: $(cat "$1.out")"
	while read -r i tid; do
		got=$(thread_slowdown "$1.flat" 2 "$tid")
		if [ $((i % 2)) -eq 0 ]; then
			in_range "$1: worker $i chases" "${got:-not seen}" "$2" "$3" "$4"
		else
			in_range "$1: worker $i computes" "${got:-not seen}" 0.999 1.03 \
				"it touches no memory"
		fi
	done < <(worker_tids "$1.out")
}

pages=base
try_huge
$huge_ok && pages=huge
watch mixed "$MB" mixed --size 256MiB --pages $pages --seconds 4
# What a hop takes beside the memory stays local: page walks, in a guest those of its host as well.
walk=$(calc "$(field mixed.flat basis.observed_ns) - $(field mixed.flat basis.mem_latency_ns)")
workers_seen mixed "$(calc "0.93 * ($walk + 300) / ($walk + 100)")" \
	"$(calc "1.07 * ($walk + 300) / ($walk + 100)")" "+- 7 %: what is beside the memory stays local"

# More threads than CPUs: one that waits for a CPU does not come on, and is not seen in the same wait again.
cxms record -q -S "$SOURCE" --mem-latency 100ns --walk-latency 50ns -o crowd.cxlt -- \
	"$MB" chase --size 64MiB --threads 6 --steps 1000000 >out 2>&1 || fail crowd "could not be recorded: $(cat out)"
again=$(cxms trace dump crowd.cxlt | awk '
	$3 == "sample" && $4 ~ /^addr=/ { n++; here = $4; for (i = 5; i <= NF; i++) if ($i ~ /^count=/) here = here $i
		if (here ~ /count/ && here == last[$2]) same++; last[$2] = here }
	END { print n ? 100 * same / n : "no" }')
in_range "crowd: samples of the wait before, %" "$again" 0 0.5 "each turn of the walk counts a register down"

# Two CPUs, eight children: each has a share of the time, so the bounds are wide; a child that was
# not seen, or taken for its neighbour, is far outside. How long an access takes is the machine's
# business (page walks, a hypervisor below): what a chaser slows by follows from its own CPU time
# and accesses, of which each waits 200 ns longer. 2 % for what a busy machine samples too rarely.
children_wait() {
	local i tid row n cpu mem got
	mem=$(field children.flat recorded_on.local_latency_ns)
	while read -r i tid; do
		got=$(thread_slowdown children.flat 2 "$tid")
		if [ $((i % 2)) -ne 0 ]; then
			in_range "children: worker $i computes" "${got:-not seen}" 0.999 1.03 \
				"it touches no memory"
			continue
		fi
		row=$(thread_row children.flat 2 "$tid")
		cpu=$(field children.flat "results[2].threads[$row].native_ns")
		n=$(awk -v i="$i" '$1 == "worker" && $2 == i { print $6 }' children.out)
		in_range "children: worker $i chases" "${got:-not seen}" \
			"$(calc "0.98 + 0.7 * 200 / ($cpu / $n - $mem + 100)")" 3.1 \
			"$(calc "$cpu / $n") ns of CPU an access, 200 ns more; at most 3x"
	done < <(worker_tids children.out)
}
watch children "$MB" forks --threads 8 --size 256MiB --pages base --seconds 3
children_wait
in_range "children: processes" "$(field children.flat basis.processes)" 9 9 "the parent and 8 children"

watch execs "$MB" execchain --times 3 --size 256MiB --steps 5000000
same "execs: all four ran" "$(grep -c '^execchain: .* correct' execs.out)" 4 "the first and three more"
in_range "execs: waits" "$(field execs.flat basis.exposed_waits)" 15.2e6 32e6 \
	"4 times 5 million, less than one of the four missing; a busy memory takes longer, which counts as more"
in_range "execs: all on CXL at 3x" "$(field execs.flat 'results[2].slowdown')" \
	"$(calc "1 + 0.7 * 200 * 20e6 / $(field execs.flat 'results[0].time_ns')")" 3.1 \
	"20 million accesses wait 200 ns longer, beside fills"

watch many "$MB" manythreads --threads 100 --seconds 2
in_range "many: threads" "$(field many.flat basis.threads)" 101 101 "the first and 100 more"
lost=$(field many.flat source.lost)
if [ "$lost" = 0 ] || grep -q '^warnings\[.*CXMS_W_LOST_SAMPLES' many.flat; then
	pass "many: loss" "$lost samples lost, and a warning if any"
else
	fail "many: loss" "'$lost' samples lost without a warning"
fi
missing=0
while read -r i tid; do
	[ -n "$(thread_slowdown many.flat 2 "$tid")" ] || missing=$((missing + 1))
done < <(worker_tids many.out)
[ -n "$(worker_tids many.out)" ] || fail "many: workers" "none told: $(cat many.out)"
same "many: workers in the result" "$missing missing" "0 missing" "each thread has its own slowdown"

watch brood "$MB" forks --threads 200 --size 1MiB --steps 20000
in_range "brood: processes" "$(field brood.flat basis.processes)" 201 201 "the parent and 200 children"

# Threads that wait for one another. Of the machine's latency nothing is asked, it is given as that of
# the topology: what the program slows by must follow from what its threads do.
topology x3.yaml 100ns 1000ns
watch_as=(--mem-latency 100ns --walk-latency 50ns)

as_recorded() {
	within "$1: with everything local" "$(field "$1.flat" 'results[0].time_ns')" \
		"$(field "$1.flat" workload.native_time_ns)" "$([ "$SOURCE" = clock ] && echo 1 || echo 5)" \
		"as recorded; a tracer does not see how long the end of a process takes"
}

# grows NAME LEAST LOW HIGH WHY: with everything far the program takes LOW to HIGH times as much longer as
# all its threads together are longer on CPU. They have at least LEAST of the recorded time on CPU in all, unless
# the CPUs are elsewhere: waiting for those grows too.
grows() {
	local cpu sum grown
	as_recorded "$1"
	read -r cpu sum < <(awk -F= '
	match($1, /^results\[2\]\.threads\[[0-9]+\]\./) {
		row = substr($1, 1, RLENGTH)
		if ($1 ~ /native_ns$/) native[row] = $2
		if ($1 ~ /slowdown$/) slow[row] = $2
	}
	END {
		for (r in native) {
			cpu += native[r]
			sum += native[r] * (slow[r] - 1)
		}
		printf "%.6g %.6g", cpu, sum
	}' "$1.flat")
	if [ "$(calc "$cpu < $2 * $(field "$1.flat" workload.native_time_ns)")" = 1 ]; then
		skip_row "$1: growth" "its threads had $cpu ns of CPU in all"
		return
	fi
	grown=$(calc "$(field "$1.flat" 'results[2].time_ns') - $(field "$1.flat" 'results[0].time_ns')")
	in_range "$1: growth" "$grown" "$(calc "$3 * $sum")" "$(calc "$4 * $sum")" "$5"
}

watch turns "$MB" turns --size 64MiB --pages base --threads 3 --seconds 2
grows turns 0.9 0.9 1.1 "one works at a time: their growth adds up"
watch apart "$MB" chase --size 64MiB --pages base --threads 2 --seconds 2
# Both run at a time but for the setting up; with four fifths of that their growth is not yet 0.65.
grows apart 1.6 0.45 0.75 "two at the same time, beside the setting up: the larger one counts"
watch barrier "$MB" barrier --size 64MiB --pages base --threads 2 --seconds 2
grows barrier 0.9 0.6 1.1 "one chases, and the other, which does not grow, waits for it"
watch sleeper "$MB" sleeper --threads 2 --seconds 1
as_recorded sleeper
in_range "sleeper: slowdown" "$(field sleeper.flat 'results[2].slowdown')" 0.99 1.05 \
	"sleep is kept, and there is no memory to wait for"
