#!/usr/bin/env bash
# The exact source against a cycle-level simulator: slowdowns of tests/data/gem5, point by point.
#
#   accuracy.sh BUILD SOURCE_DIR [--all]
#
# Each group of points (program, core, prefetcher) is recorded once and replayed with one topology a
# point. Asserted: mean absolute error of the slowdowns; each error; the idle latency of a
# dependent chase; the number of uops. Without --all (or CXMS_ACCURACY=all) a few groups, each for a mechanism of the model. Exits 0, 1, or 77 = skipped.
set -eu
export LC_ALL=C TZ=UTC

MEAN_PCT=3
EACH_PCT=13
HOP_PCT=2
UOPS_PCT=1

# program/prefetch/core, and what it is there for
fast_groups="
chase_k1/stride/rob224     latency
copy/stride/rob224         prefetch, write-backs, bandwidth
gather/off/rob224          miss registers of the L1D
bsearch/off/rob224         mispredicted branches and what runs behind them
mixed_p32/stride/rob224    false dependences, branches that wait for memory
fstream16/stride/rob224    units and copies of vector registers
scatter200/stride/rob224   store queue
dep100_2m5/stride/rob512   reorder buffer, load queue
stencil/stride/rob512      prefetch that runs ahead
"

if [ $# -lt 2 ] || [ $# -gt 3 ] || { [ $# -eq 3 ] && [ "$3" != --all ]; }; then
	sed -n '2,9s/^# \{0,1\}//p' "$0" >&2
	exit 2
fi
BUILD=$1
REFERENCE=$2/tests/data/gem5
all=${CXMS_ACCURACY:-}
[ "${3:-}" != --all ] || all=all
. "$2/tests/exact/reference.sh"
needs=$(reference_needs)
if [ -n "$needs" ]; then
	echo "skipped: $needs"
	exit 77
fi

work=$(mktemp -d "${TMPDIR:-/tmp}/cxlmemsim-accuracy.XXXXXX")
trap 'rm -rf "$work"' EXIT

# measure GROUP: a line for each of its points:
# workload,args,core,prefetch,latency,bandwidth,wanted slowdown,slowdown,time_ns,wanted uops,uops
measure() {
	local group=$1 latency bandwidth slowdown uops options=() n=0
	reference_topology "$work/record.yaml" "$group" 90 unlimited
	reference_record "$work/g.cxlt" "$group" "$work/record.yaml"
	: >"$work/points"
	while IFS=, read -r latency bandwidth slowdown uops; do
		reference_topology "$work/$n.yaml" "$group" "$latency" "$bandwidth"
		options+=(-t "$work/$n.yaml")
		echo "$group,$latency,$bandwidth,$slowdown,$uops" >>"$work/points"
		n=$((n + 1))
	done < <(reference_points "$group")
	"$BUILD/cxlmemsim" replay -q -f json -o "$work/g.json" "${options[@]}" "$work/g.cxlt"
	"$BUILD/cxlmemsim" report -q -f csv "$work/g.json" >"$work/g.csv"
	awk -F, -v uops="$(sed -n 's/^ *"uops": \([0-9]*\).*/\1/p' "$work/g.json")" '
		FNR == NR { if (FNR > 1) { s[++n] = $6; t[n] = $11 } next }
		{ print $1 "," $2 "," $3 "," $4 "," $5 "," $6 "," $7 "," s[FNR] "," t[FNR] "," $8 "," uops }
	' "$work/g.csv" "$work/points"
	rm "$work/g.cxlt"
}

reference_groups | while read -r group; do
	IFS=, read -r workload _ core prefetch <<<"$group"
	if [ "$all" = all ] || grep -q "^$workload/$prefetch/$core " <<<"$fast_groups"; then
		measure "$group"
	fi
done >"$work/rows"

awk -F, -v mean_pct=$MEAN_PCT -v each_pct=$EACH_PCT -v hop_pct=$HOP_PCT -v uops_pct=$UOPS_PCT '
function size(x) { return x < 0 ? -x : x }
function fail(text) { failed[++n_failed] = text }
{
	name = sprintf("%-13s %-6s %-6s %4s ns %9s", $1, $4, $3, $5, $6)
	if ($8 == "" || $11 == "")
		fail(name ": no result")
	if ($5 == 90 && $6 == "unlimited") {
		if ($8 != 1)
			fail(name ": the memdev is as the local memory, but the slowdown is " $8)
		more = 100 * ($11 / $10 - 1)
		uops = sprintf("%9d uops, %+6.2f %%", $11, more)
		if (size(more) > uops_pct)
			fail(name ": " $11 " uops, not " $10 " +- " uops_pct " %")
	} else {
		error = 100 * ($8 / $7 - 1)
		sum += size(error)
		n++
		most = size(error) > most ? size(error) : most
		if (size(error) > each_pct)
			fail(sprintf("%s: slowdown %.4f, not %.4f +- %s %%", name, $8, $7, each_pct))
		uops = ""
	}
	if ($1 == "chase_k1") {
		split($2, word, " ")
		hop = $9 / word[3]
		want = $5 == 400 ? 400.33 : $5
		uops = uops sprintf("%s%.2f ns a hop", uops == "" ? "" : ", ", hop)
		if (size(hop / want - 1) > hop_pct / 100)
			fail(sprintf("%s: %.2f ns a hop, not %s +- %s %%", name, hop, want, hop_pct))
	}
	if (!shown++)
		print "program       prefet. core    memory     GB/s (2^30)  slowdown   wanted   error"
	line = sprintf("%s   %9.4f %8.4f %+6.1f %%  %s", name, $8, $7, 100 * ($8 / $7 - 1), uops)
	sub(/ +$/, "", line)
	print line
}
END {
	if (n == 0)
		fail("no point was measured")
	else
		printf "mean absolute error %.2f %% of %d points, the largest %.1f %%\n", sum / n, n, most
	if (n && sum / n > mean_pct)
		fail("the mean absolute error is above " mean_pct " %")
	for (i = 1; i <= n_failed; i++)
		print "FAILED  " failed[i]
	exit n_failed > 0
}' "$work/rows"
