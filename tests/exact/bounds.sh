#!/usr/bin/env bash
# The exact source between bounds that follow from the machine of tests/data/gem5 alone: its miss
# registers, reorder buffer, order of stores, and latency.
#
#   bounds.sh BUILD SOURCE_DIR
#
# Each case of 'bounds' is recorded once and replayed at two latencies, with either order of stores.
# Exits 0, 1, or 77 = skipped.
set -eu
export LC_ALL=C TZ=UTC
[ $# -eq 2 ] || { sed -n '2,8s/^# \{0,1\}//p' "$0" >&2 && exit 2; }
BUILD=$1
REFERENCE=$2/tests/data/gem5
. "$2/tests/exact/reference.sh"
needs=$(reference_needs)
[ -z "$needs" ] || { echo "skipped: $needs" && exit 77; }
work=$(mktemp -d "${TMPDIR:-/tmp}/cxlmemsim-bounds.XXXXXX")
trap 'rm -rf "$work"' EXIT

# topology FILE LATENCY ORDER: with the prefetcher, which finds nothing in these
topology() {
	reference_topology "$work/$1" bounds,,rob224,stride "$2" unlimited
	sed -i "s/store_order: weak/store_order: $3/" "$work/$1"
}
topology 90.yaml 90 weak
topology 400.yaml 400 weak
topology tso.yaml 400 tso

# N steps; the time of each, in latencies of memory: least and most with weak order, then with tso (- = as weak).
# 224: reorder buffer; 12: miss registers. Up to 8 % more: a cycle or two of each miss are the core's.
# Where branches are a matter of chance, there are so many that a bound is more than 8 standard deviations away.
cases="
chains3    600  1      1.02  -    -    a chain takes a latency a hop, three overlap
rounds20   60   2      2.2   -    -    twelve registers: twenty misses take two latencies
apart      1000 0.233  0.36  -    -    69 uops a load: a window has three, four at most
stores     1000 0.0833 0.09  0.94 1.02 twelve registers; in strict order one by one, the last 56 behind the end
updates    1000 0.0833 0.09  -    -    twelve registers; a store finds its line there
meetings   1000 0.85   1.02  -    -    a load waits for the last store once two have met
neighbours 1000 0.85   1.02  -    -    so it does when they met in 16 bytes
read_back  1000 0.0833 0.095 0.94 1.02 the store queue has what a load asks for, whenever the line comes
read_wider 1000 0.98   1.06  -    -    it has a byte of eight: the load waits until the line has it
read_late  2000 0.98   1.06  -    -    the store is no longer in the window, but its line is not there
across     1000 0.1667 0.18  -    -    two lines a load, twelve registers
stores_across 1000 0.1667 0.18 0.94 1.02 two lines a store, which are asked for together
bytes      1000 0.0833 0.09  0.94 1.06 a string moves a line by two pieces, twelve registers
loads16    1000 0.1111 0.125 -   -    a line is eight entries of the load queue: nine lines
stores16   1000 0.1428 0.155 0.94 1.06 a line is eight entries of the store queue: seven lines
branches   4000 0.45   0.75  -    -    half of the branches are wrong, and wait
picks      16000 0.116 0.155 -    -    26 uops a step, a window of nine; each wrong branch costs it 25 cycles at most; half of them are, or a little more
forks      1000 0.98   1.06  -    -    nor does it know where the next hop is, though a register will have it
guesses    1000 0.98   1.06  -    -    the wrong way waits for the line, too
"

# bound NAME LATENCY STEPS TIME_NS LEAST MOST WHY
bound() {
	awk -v name="$1" -v latency="$2" -v n="$3" -v t="$4" -v least="$5" -v most="$6" -v why="$7" 'BEGIN {
		each = t / n / latency
		ok = each >= least && each <= most
		printf "%s%-11s %6.2f ns: %.4f latencies a step, within %s to %s: %s\n", ok ? "" : "FAILED  ", name,
			latency, each, least, most, why
		exit !ok
	}'
}

# times CASE STEPS: of the three topologies, a line each
times() {
	"$BUILD/cxlmemsim" record -q -S exact -t "$work/90.yaml" --mem-latency 90ns --walk-latency 20ns \
		--roi-begin mark_roi_begin --roi-end mark_roi_end -o "$work/b.cxlt" -- "$BUILD/tests/gem5/bounds" "$1" "$2"
	"$BUILD/cxlmemsim" replay -q -f json -o "$work/b.json" -t "$work/90.yaml" -t "$work/400.yaml" \
		-t "$work/tso.yaml" "$work/b.cxlt"
	"$BUILD/cxlmemsim" report -q -f csv "$work/b.json" | awk -F, 'NR > 1 { print $11 }'
	rm "$work/b.cxlt"
}

failed=0
while read -r name steps least most tso_least tso_most why; do
	[ -n "$name" ] || continue
	mapfile -t t < <(times "$name" "$steps")
	[ "$tso_least" != - ] || tso_least=$least tso_most=$most
	bound "$name" 90 "$steps" "${t[0]}" "$least" "$(awk "BEGIN { print $most * 1.05 }")" "$why" || failed=1
	bound "$name" 400.33 "$steps" "${t[1]}" "$least" "$most" "$why" || failed=1
	bound "$name, tso" 400.33 "$steps" "${t[2]}" "$tso_least" "$tso_most" "$why" || failed=1
done <<<"$cases"

# A line or two of instructions are new, and nothing else: three latencies at most are more.
mapfile -t t < <(times calls 300)
echo "calls       ${t[0]} ns at 90, ${t[1]} at 400"
awk -v a="${t[0]}" -v b="${t[1]}" 'BEGIN { exit !(a > 0 && b >= a && b - a < 3 * 310.33) }' ||
	{ echo "FAILED  calls wait for memory" && failed=1; }
exit $failed
