# Predictions for programs whose answer is known.
topology x2.yaml 100ns 200ns
topology x3.yaml 100ns 300ns
topology x10.yaml 100ns 1us

BUSY_PCT=3 # off the CPU for more of its time, a program that never blocks has had to share the CPU

# predict NAME MB_WORDS...: record, replay, and the walk that the tool says it used
predict() {
	local name=$1 topology
	shift
	if ! cxms record -q -o "$name.cxlt" -- "$MB" "$@" >"$name.out" 2>"$name.err"; then
		fail "$name" "could not be recorded: $(cat "$name.err" "$name.out")"
		return 1
	fi
	for topology in x2 x3 x10; do
		cxms replay -q -t $topology.yaml -f json -o json "$name.cxlt"
		flat json >"$name.$topology"
	done
	cxms replay -q -t x2.yaml --explain -o "$name.txt" "$name.cxlt"
	off_pct=$(calc "100 * $(field "$name.x2" 'results[0].causes_ns.blocked') /
		$(field "$name.x2" 'results[0].time_ns')" | tr -d '\n')
	sed 's/^/        /' "$name.out"
}

# predict_quiet: the same, again when other programs took the CPU
predict_quiet() {
	local try
	for try in 1 2 3; do
		predict "$@" || return 1
		awk -v p="$off_pct" -v most=$BUSY_PCT 'BEGIN { exit !(p + 0 <= most) }' && return 0
		echo "        try $try: off the CPU for $off_pct % of the time"
	done
}

# all_on_cxl NAME TOPOLOGY WANTED PER_CENT WHY: the thread, and the program, which has no other time
all_on_cxl() {
	within "$1: thread, all on CXL, $2" "$(field "$1.$2" 'results[2].threads[0].slowdown')" "$3" "$4" "$5"
	if awk -v p="$off_pct" -v most=$BUSY_PCT 'BEGIN { exit !(p + 0 <= most) }'; then
		within "$1: program, all on CXL, $2" "$(field "$1.$2" 'results[2].slowdown')" "$3" "$4" \
			"$5, and off the CPU for $off_pct % only"
	else
		skip_row "$1: program, all on CXL, $2" \
			"off the CPU for $off_pct % of its time: this machine is busy"
	fi
	within "$1: half on CXL, $2" "$(calc "$(field "$1.$2" 'results[1].slowdown') - 1")" \
		"$(calc "($(field "$1.$2" 'results[2].slowdown') - 1) / 2")" 5 \
		"interleaving by page moves half of the waits"
}

try_huge
if $huge_ok; then
	predict_quiet huge chase --size 256MiB --pages huge --seconds 6
	all_on_cxl huge x2 2 5 "each access waits for memory and nothing else: memdev latency / local latency"
	all_on_cxl huge x3 3 5 "each access waits for memory and nothing else: memdev latency / local latency"
else
	skip_row "chase on huge pages" "$huge_why"
fi

predict_quiet base chase --size 256MiB --pages base --seconds 6
walk=$(sed -n 's/.*L_mem + walk = .* + \([0-9.]*\) ns x.*/\1/p' base.txt | head -n 1)
in_range "base: the walk is told" "${walk:-none}" 1 500 "--explain prints L_obs = L_mem + walk"
for x in 2 3; do
	all_on_cxl base x$x "$(calc "(${walk:-0} + ${x}00) / (${walk:-0} + 100)")" 7 \
		"the page walk stays local: (walk + memdev) / (walk + local)"
done
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
