# Kinds of programs that a share of samples times a ratio of latencies gets wrong. What each access waits
# is known: with everything on CXL at X a program grows by (X - local) for each wait that it makes, by its
# own count, over its own time; at least by what the device's bandwidth leaves. No time is judged by itself.
#
# The latency of this machine, now: what a hop of a chase takes, of CPU time and on huge pages.
try_huge
if ! $huge_ok; then
	skip_row "all" "$huge_why"
	finish
fi
given=()

# threads RESULT EXPRESSION [TIDS]: a sum over the threads of it, of native (ns) and slow (down); TIDS: of these
# alone, a space before and behind each
threads() {
	awk -F= -v at="results[$1].threads[" -v only="${3:-}" '
	index($1, at) == 1 {
		row = $1
		sub(/[^.]*$/, "", row)
		if ($1 ~ /\.tid$/) tid[row] = $2
		if ($1 ~ /\.native_ns$/) native[row] = $2
		if ($1 ~ /\.slowdown$/) slow[row] = $2
	}
	END {
		for (t in native)
			if (only == "" || index(only, " " tid[t] " "))
				sum += '"$2"'
		printf "%.0f", sum
	}' r
}

# watch NAME TOPOLOGIES WORDS...: sets n (accesses), cpu_ns and one_ns (of CPU: all, an access); false and
# a row skipped when others took so much of the CPUs that memory is another one than was measured
watch() {
	local name=$1 topologies=() topology off
	for topology in $2; do
		topologies+=(-t "$topology.yaml")
	done
	shift 2
	if ! cxms record -q -S "$SOURCE" "${given[@]}" -o w.cxlt -- "$MB" "$@" >out 2>err; then
		fail "$name" "could not be recorded: $(cat err out)"
		return 1
	fi
	cxms replay -q "${topologies[@]}" -s 100,0 -f json -o json w.cxlt
	flat json >r
	n=$(sed -n 's/^[a-z]*: \([0-9]*\) accesses.*/\1/p' out)
	cpu_ns=$(threads 0 'native[t]')
	one_ns=$(calc "1e9 * $(sed -n 's/.* of CPU \([0-9.]*\) s.*/\1/p' out) / $n")
	sed 's/^/        /' out
	[ -z "$may_wait" ] || return 0
	off=$(calc "100 * $(field r 'results[0].causes_ns.blocked') / $(field r 'results[0].time_ns')")
	if [ "$(calc "($off > $busy_pct)")" = 1 ]; then
		skip_row "$name" "off the CPU for $off % of its time: this machine is busy"
		return 1
	fi
}
may_wait=
busy_pct=33

# holds NAME RESULT WAITS WHY: the interval, and 5 % for how well one latency holds for two programs, holds
# that of a program each of whose accesses waits WAITS times as long as result 1 or 3 adds: once or three
# times $local_ns
holds() {
	in_range "$1" "$(calc "1 + $3 * $2 * $local_ns * $n / $cpu_ns")" \
		"$(calc "$(field r "results[$2].slowdown_lo") * 0.95")" \
		"$(calc "$(field r "results[$2].slowdown_hi") * 1.05")" "the interval holds it: $4"
}

# grows NAME RESULT LOW HIGH WHY [TIDS]: the time that is added to an access, in waits
grows() {
	in_range "$1" "$(calc "$(threads "$2" 'native[t] * (slow[t] - 1)' "${6:-}") / $n / $2 / $local_ns")" "$3" "$4" "$5"
}

# floor NAME RESULT LEAST_NS WHY: under the time with everything on CXL
floor() {
	in_range "$1" "$(field r "results[$2].time_ns")" "$3" 1e15 "at least $4"
}

# by_time NAME: waits of an access, by its time between those of a hit and of a miss. A hit takes base_ns in
# the caches of the core, and in the LLC up to 0.4 of a miss (reference figures: 20 to 70 ns of 100 to 170).
by_time() {
	local i low high
	high=$(calc "($one_ns - $base_ns) / ($local_ns - $base_ns)")
	low=$(calc "($one_ns - 0.4 * $local_ns) / (0.6 * $local_ns)")
	for i in 1 3; do
		overlaps "$1, $((i + 1)) x latency" $i "$low" "$high" "what follows from its $one_ns ns an access"
	done
}

# same_llc NAME MIB: whether a hop over so much takes what it took when this machine was measured; else a row
# skipped: what neighbours take of a shared LLC changes within seconds, and nobody tells
same_llc() {
	local then_ns
	then_ns=$(sed -n "s/.*{bytes: $(($2 * 1048576)), ps: \([0-9]*\)\([0-9]\{3\}\),.*/\1.\2/p" "$XDG_CACHE_HOME"/cxlmemsim/machine-*.yaml | head -n 1)
	[ "$(calc "($one_ns > 1.2 * ${then_ns:-0} || $one_ns < 0.8 * ${then_ns:-0})")" = 0 ] && return
	skip_row "$1" "a hop takes $one_ns ns, and took ${then_ns:-?} ns when this machine was measured: others have its LLC"
	return 1
}

# overlaps NAME RESULT LOW HIGH WHY: the interval holds a part of what LOW to HIGH waits of each access give
overlaps() {
	in_range "$1" "$(calc "$(field r "results[$2].slowdown_hi") * 1.05")" \
		"$(calc "1 + $3 * $2 * $local_ns * $n / $cpu_ns")" 1e9 "upper end: $5"
	in_range "$1" "$(calc "$(field r "results[$2].slowdown_lo") * 0.95")" 0 \
		"$(calc "1 + $4 * $2 * $local_ns * $n / $cpu_ns")" "lower end: $5"
}

topology x2.yaml 100ns 200ns
watch "latency" x2 chase --size 256MiB --pages huge --steps 4000000 || finish
local_ns=$one_ns
given=(--mem-latency "${local_ns}ns" --walk-latency 1ps) # a hop walks as well
topology x2.yaml "${local_ns}ns" "$(calc "2 * $local_ns")ns"
topology x4.yaml "${local_ns}ns" "$(calc "4 * $local_ns")ns"
sed 's/bandwidth: unlimited, capacity: 256/bandwidth: {read: 1GB\/s, write: 1GB\/s, total: 1GB\/s}, capacity: 256/' \
	x2.yaml >slow.yaml
sed 's/bandwidth: unlimited, capacity: 256/bandwidth: {read: 26GB\/s, write: 24GB\/s, total: 40GB\/s}, capacity: 256/' \
	x2.yaml >fast.yaml

# One load, half of whose lookups hit; on small pages each walks, for as long as this machine was measured
for pages in huge base; do
	[ $pages = huge ] || given=(--mem-latency "${local_ns}ns")
	watch "mixture, $pages" "x2 x4" mixture --size 1GiB --pages $pages --steps 6000000 || continue
	for i in 1 3; do
		holds "mixture, $pages, $((i + 1)) x latency" $i 0.5 "one lookup of two goes to memory"
	done
done
given=(--mem-latency "${local_ns}ns" --walk-latency 1ps)

# Lookups whose hits are of no known number: by their time between that of hits and that of misses
busy_pct=10 # two measured times are compared
watch "hits" x2 chase --size 1MiB --pages huge --steps 20000000
base_ns=$one_ns
for mib in 8 32 64; do
	watch "chase of $mib MiB" "x2 x4" chase --size ${mib}MiB --pages huge --steps 10000000 &&
		same_llc "chase of $mib MiB" $mib &&
		by_time "chase of $mib MiB"
done
watch "hits" x2 zipf --size 1MiB --pages huge --steps 10000000
base_ns=$one_ns
watch "zipf" "x2 x4" zipf --size 256MiB --pages huge --steps 10000000 && by_time "zipf"

busy_pct=33

# Loads that overlap: so many at a time as the time of an access says
if watch "gather" "x2 x4" gather --size 256MiB --pages huge --steps 60000000; then
	each=$(calc "$one_ns / $local_ns")
	for i in 1 3; do
		grows "gather, waits at $((i + 1)) x" $i "$(calc "0.6 * $each")" "$(calc "1.1 * $each")" \
			"$each - 40 + 10 %: all of its time but for some computing, and walks that overlap too"
	done
fi

# Far apart: each miss waits by itself, and as long as it must beyond what older work hides of it
watch "work" x2 compute --steps 100000000
work_ns=$(calc "300 * $one_ns")
if watch "sparse" "x2 x4" gather --work 300 --size 256MiB --pages huge --steps 2500000; then
	hidden=$(calc "1 - ($one_ns - $work_ns) / $local_ns")
	for i in 1 3; do
		holds "sparse, $((i + 1)) x latency" $i 0.9 \
			"each grows by all that is added, whatever part ($hidden of a wait) was hidden before; an LLC of 16 MiB holds 6 % of the lines, and turns are counted to 5 %"
	done
fi

# Streams: fetched ahead. With much work for each line there is time enough; with little, the lines that
# a core keeps in flight bound it from below, the ratio of the latencies from above.
watch "stream, much work" "x2 x4" stream --work 300 --size 256MiB --pages huge --steps 20000000 &&
	in_range "stream, much work, 2 x latency" "$(field r 'results[1].slowdown')" 0.999 1.1 \
		"a line is fetched while the one before is worked on"
if watch "stream" "x2 slow" stream --size 256MiB --pages huge --steps 800000000; then
	in_range "stream, 2 x latency" "$(field r 'results[1].slowdown')" 0.999 2.02 "at most the ratio"
	floor "stream, 1 GB/s" 3 "$(calc "0.85 * 8 * $n")" \
		"what 8 bytes an element take; 15 % for what a cache holds and for sampling"
fi

# Stores: a line is read and written, past the caches only written
for kernel in store ntstore; do
	watch "$kernel" "slow" $kernel --size 256MiB --pages huge --steps 300000000 || continue
	lines=$([ $kernel = store ] && echo 2 || echo 1)
	floor "$kernel, 1 GB/s" 1 "$(calc "0.85 * $lines * 8 * $n")" \
		"what $lines times 8 bytes a store take; 15 % for sampling"
done

# Many threads on one device: no faster than it delivers
may_wait=yes
watch "eight threads" "fast slow" gather --threads 8 --size 256MiB --pages huge --steps 8000000 && {
	# The interval's end: a few hundredths of the time taken for hits are half of the loads.
	for i in 1 3; do
		rate=$(calc "$i == 1 ? 26 : 1")
		in_range "eight threads, $rate GB/s" "$(calc "$(field r "results[$i].slowdown_hi") * $(field r "results[$((i - 1))].time_ns")")" \
			"$(calc "0.85 * 64 * $n / $rate")" 1e15 "the interval reaches what 64 bytes a load take; 15 % for what a cache holds"
	done
}

# In the kernel: fresh pages are zeroed where they lie; a file is read from where the kernel keeps it
watch "first touch" "slow" fault --size 256MiB --steps 131072 &&
	floor "first touch, 1 GB/s" 1 "$(calc "4096 * $n")" "what it takes to zero them, at 1 GB/s"
watch "read" "x2" read --steps 60000 &&
	in_range "read, 2 x latency" "$(field r 'results[1].slowdown')" 0.999 1.1 \
		"the file is not the program's memory, and what it is read into stays in the caches"

# Threads that sleep most of the time: what they wait for memory is added, sleep stays. Who fills their memory
# before is another thread. Each is on CPU for a seventh of a second: sampled as often as that needs.
given+=(--period 300us)
watch "pool" "x2 x4" pool --threads 4 --size 256MiB --pages huge --steps 409600 && {
	work_s=$(sed -n 's/.* work \([0-9.]*\) s.*/\1/p' out)
	workers=" $(worker_tids out | cut -d ' ' -f 2 | tr '\n' ' ')"
	for i in 1 3; do
		grows "pool, waits at $((i + 1)) x" $i 0.9 1.1 \
			"each access is one wait, however long others on the machine made it ($one_ns ns); 10 % for sampling" \
			"$workers"
		# 50 times 9 ms of sleep; who waits for a CPU waits longer when all are slower
		if [ "$(calc "($work_s > 1.3 * (0.45 + $one_ns * $n / 1e9))")" = 1 ]; then
			skip_row "pool, program at $((i + 1)) x" "it took $work_s s: this machine is busy"
			continue
		fi
		in_range "pool, program at $((i + 1)) x" \
			"$(calc "$(field r "results[$i].time_ns") - $(field r 'results[0].time_ns')")" 0 \
			"$(calc "1.2 * $(threads $i 'native[t] * (slow[t] - 1)')")" \
			"no more than all its threads together: sleep stays"
	done
}
