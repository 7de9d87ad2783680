#!/usr/bin/env bash
# A program evaluated while it runs gives the report of its recording, byte for byte: where the
# replay goes along, where shares of pages are known at the end only, and with several processes.
#
#   live.sh BUILD SOURCE_DIR
#
# Exits 0, 1, or 77 = skipped, with the reason.
set -eu
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/../e2e/lib.sh"
exact_script "$@"

# topology NAME LATENCY
topology() {
	cat >"$1.yaml" <<-YAML
		schema: 1
		name: $1
		host:
		  cpu: {cores: 4}
		  caches:
		    l1d: {size: 16KiB, ways: 4, latency: 5cyc}
		    l2: {size: 64KiB, ways: 8, latency: 14cyc, prefetch: {type: stride, degree: 4}}
		    llc: {size: 256KiB, ways: 16, latency: 40cyc}
		  local: {latency: 100ns, bandwidth: unlimited, capacity: 4GiB}
		devices:
		  mem0: {type: memdev, upstream: host, latency: $2, bandwidth: 16GB/s, capacity: 4GiB}
	YAML
}
topology near 180ns
topology far 400ns

# same WHAT REPLAYED OPTIONS... -- WORDS...: REPLAYED topologies while the program ran
same() {
	local what=$1 replayed=$2 options=()
	shift 2
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	rm -f r.cxlt
	"$BUILD/cxlmemsim" run -v -S exact --mem-latency 100ns --walk-latency 20ns --save r.cxlt \
		-f json -o live.json "${options[@]}" "$@" >/dev/null 2>said
	"$BUILD/cxlmemsim" replay -q -f json -o later.json "${options[@]}" r.cxlt
	cmp live.json later.json || { echo "FAILED  $what: not the same report" && exit 1; }
	grep -q "pages counted, $replayed topologies replayed" said ||
		{ echo "FAILED  $what: not $replayed topologies" && cat said && exit 1; }
	echo "ok      $what"
}
same "one topology" "1 of 1" -t near.yaml -s 100,0 -- "$BUILD/workloads/sort" -s 10
same "two topologies" "2 of 2" -t near.yaml -t far.yaml -s 0 -- "$BUILD/workloads/hashjoin" -s 10
same "half of the pages" "0 of 2" -t near.yaml -t far.yaml -s 0,50 -- "$BUILD/workloads/sort" -s 10
same "two threads" "0 of 1" -t near.yaml -s 0 -- "$BUILD/workloads/hashjoin" -s 10 -t 2
same "two processes" "0 of 1" -t near.yaml -s 0 -- sh -c "$BUILD/workloads/sort -s 10; $BUILD/workloads/sort -s 11"

# seconds SCRIPT: predicted, everything local
seconds() {
	"$BUILD/cxlmemsim" run -q -S exact --mem-latency 100ns --walk-latency 20ns -t near.yaml -s 100 \
		-f csv -o r.csv -- sh -c "$1" >/dev/null
	awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i } NR == 2 { print $at["time_ns"] / 1e9 }' r.csv
}
# Who waits for the end of a child goes on after it; children that nobody waits for run side by side.
one=$(seconds "$BUILD/workloads/sort -s 14; :")
after=$(seconds "$BUILD/workloads/sort -s 14; $BUILD/workloads/sort -s 14; :")
beside=$(seconds "$BUILD/workloads/sort -s 14 & $BUILD/workloads/sort -s 14 & wait")
awk -v one="$one" -v after="$after" -v beside="$beside" 'BEGIN { exit !(after > 1.7 * one && beside < 1.4 * one) }' ||
	{ echo "FAILED  one child $one s, one after the other $after s, side by side $beside s" && exit 1; }
echo "ok      one child after the other, and side by side"
