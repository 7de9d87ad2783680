# Predictions for programs whose answer is known.
topology x2.yaml 100ns 200ns
topology x3.yaml 100ns 300ns
topology x10.yaml 100ns 1us

# A program that never blocks and is off the CPU for more than this has had to share the CPU. Each stop
# of source ptrace is a short time off the CPU too.
BUSY_PCT=3
[ "$SOURCE" = ptrace ] && BUSY_PCT=6
# Pairs of samples of one line tell memory from cache. Of 4 million lines, waited for alike, 4,000 samples show
# two such pairs, and each one more, by chance, is 4 % of the hops taken for hits: so there are five times as
# many samples, and 50 pairs. With as few as ptrace takes, 2 to 5 % of the time may be taken for hits.
CHASE_PCT=5
pairs="--period 300us"
[ "$SOURCE" = ptrace ] && CHASE_PCT=8 pairs=
FILL_S=0.3 # longest time to fill the memory: it must be small beside 6 s of chase

# is_most VALUE MOST
is_most() {
	awk -v v="$1" -v most="$2" 'BEGIN { exit !(v + 0 <= most + 0) }'
}

# predict NAME MB_WORDS...: record and replay
predict() {
	local name=$1 topology
	shift
	# shellcheck disable=SC2086
	if ! cxms record -q $pairs -o "$name.cxlt" -- "$MB" "$@" >"$name.out" 2>"$name.err"; then
		fail "$name" "could not be recorded: $(cat "$name.err" "$name.out")"
		return 1
	fi
	for topology in x2 x3 x10; do
		cxms replay -q -t $topology.yaml -f json -o json "$name.cxlt"
		flat json >"$name.$topology"
	done
	off_pct=$(calc "100 * $(field "$name.x2" "results[0].causes_ns.blocked") / $(field "$name.x2" "results[0].time_ns")")
	sed 's/^/        /' "$name.out"
}

# predict_quiet: the same, again when other programs took the CPU or the memory was slow to come by; what a hop
# took beside the memory
predict_quiet() {
	local try hop
	for try in 1 2; do
		predict "$@" || return 1
		hop=$(sed -n 's/^chase: .* accesses, \([0-9.]*\) ns each.*/\1/p' "$1.out")
		walk=$(calc "$hop * (1 - $off_pct / 100) - $(field "$1.x2" basis.mem_latency_ns)")
		fill_s=$(sed -n "s/^init \\([0-9.]*\\) s.*/\\1/p" "$1.out")
		is_most "$off_pct" $BUSY_PCT && is_most "$fill_s" $FILL_S && return 0
		echo "        try $try: off the CPU for $off_pct % of the time, memory filled in $fill_s s"
	done
}

# all_on_cxl NAME X: a hop is the memory's latency and $walk (page walks, in a guest those of its host as well),
# which stays local. The thread, and the program, which has no other time
all_on_cxl() {
	set -- "$1" "x$2" "$(calc "($walk + ${2}00) / ($walk + 100)")" $CHASE_PCT \
		"a hop took memory's latency and $walk ns beside it, which stay local"
	if ! is_most "$fill_s" $FILL_S; then
		skip_row "$1: all on CXL, $2" "memory was filled in $fill_s s: this machine is busy"
		return
	fi
	within "$1: thread, all on CXL, $2" "$(field "$1.$2" 'results[2].threads[0].slowdown')" "$3" "$4" "$5"
	if is_most "$off_pct" $BUSY_PCT; then
		within "$1: program, all on CXL, $2" "$(field "$1.$2" 'results[2].slowdown')" "$3" "$(calc "$4 + $off_pct")" \
			"$5, and off the CPU for $off_pct %, which stay as they are"
	else
		skip_row "$1: program, all on CXL, $2" \
			"off the CPU for $off_pct % of its time: this machine is busy"
	fi
	within "$1: half on CXL, $2" "$(calc "$(field "$1.$2" 'results[1].slowdown') - 1")" \
		"$(calc "($(field "$1.$2" 'results[2].slowdown') - 1) / 2")" 8 \
		"interleaving by page moves half of the waits, of 128 huge pages that a host backs unevenly"
}

try_huge
if $huge_ok; then
	# Steps, not seconds: on a busy machine the fill before it must not become a larger part of the whole.
	predict_quiet huge chase --size 256MiB --pages huge --steps 36000000
	all_on_cxl huge 2
	all_on_cxl huge 3
else
	skip_row "chase on huge pages" "$huge_why"
fi

# Where filling base pages takes longer than it may, its rows are skipped: that is asked before 11 s of chase.
walk=0
fill_s=$("$MB" chase --size 256MiB --pages base --steps 1000 | sed -n 's/^init \([0-9.]*\) s.*/\1/p')
if is_most "$fill_s" $FILL_S; then
	predict_quiet base chase --size 256MiB --pages base --steps 36000000
else
	predict base chase --size 256MiB --pages base --steps 12000000
fi
all_on_cxl base 2
all_on_cxl base 3
in_range "base: memory touched" "$(field base.x2 basis.footprint_bytes)" 268435456 285212672 \
	"256 MiB, and at most 16 MiB for the C library, stacks and the like"

predict compute compute --seconds 2
in_range "compute: all on CXL at 1 us" "$(field compute.x10 'results[2].slowdown')" 0.999 1.02 \
	"it touches no memory"
predict loop loop --size 1MiB --seconds 2
in_range "loop: all on CXL at 3x" "$(field loop.x3 'results[2].slowdown')" 0.999 1.10 \
	"1 MiB stays in the caches"
predict small chase --size 1MiB --seconds 3
in_range "small chase: all on CXL at 3x" "$(field small.x3 'results[2].slowdown')" 0.999 1.10 \
	"all its time is waits, but for caches"

# Traffic: how often loads ran follows from a register of their loop, so lines are counted. The latency is
# given, as that of a busy machine would bound the lines in flight.
# counted NAME LINES_OF_AN_ACCESS LEAST TRAFFIC MB_WORDS...; LEAST: in per cent, what a cache may hold
counted() {
	local name=$1 share=$2 least=$3 traffic=$4 accesses
	shift 4
	if ! cxms record -q $often --mem-latency 100ns --walk-latency 20ns -o "$name.cxlt" -- "$MB" "$@" \
		>"$name.out" 2>"$name.err"; then
		fail "$name" "could not be recorded: $(cat "$name.err" "$name.out")"
		return 1
	fi
	cxms replay -q -t x2.yaml -f json -o json "$name.cxlt"
	flat json >"$name.x2"
	accesses=$(sed -n 's/^[a-z]*: \([0-9]*\) accesses.*/\1/p' "$name.out")
	same "$name: how its lines are known" "$(field "$name.x2" 'basis.sites[0].traffic')" "$traffic" \
		"a register of its loop counts, or its address moves evenly"
	in_range "$name: lines" "$(field "$name.x2" 'basis.sites[0].lines')" "$(calc "$accesses * $share * $least / 100")" \
		"$(calc "$accesses * $share * $most / 100")" \
		"one for each line that mb reached, less what a cache may hold of it; time in the loop is known from samples"
}
# Under ptrace a sample is a stop, whose time is partly the program's, and whose period follows from what a
# stop costs here: the lines of these runs of seconds are to be known on every machine, so it is given.
most=115 streamed=85 often=
[ "$SOURCE" = ptrace ] && most=125 streamed=75 often="--period 1ms"
# A wait on the LLC is so short beside one on memory that a hundredth of the time is a fifth of the loads.
counted gather 1 60 counted gather --size 256MiB --pages huge --steps 80000000
counted sum 0.125 $streamed stream stream --size 256MiB --pages huge --steps 800000000
# One line that is seen twice by chance, of the 1500 samples here, is a fifth of the middle; the high end has none of it.
counted sparse 1 40 counted gather --work 300 --size 256MiB --pages huge --steps 9600000
in_range "sparse: lines at most" "$(field sparse.x2 'basis.sites[0].lines_hi')" 8640000 10560000 \
	"one for each turn: the samples of the inner loop tell these as well, however seldom the outer one is sampled"
within "sparse: lines a wait" "$(field sparse.x2 'basis.sites[0].lines_per_wait')" 1 5 \
	"misses too far apart to overlap: each waits by itself, whatever part of it was hidden"
