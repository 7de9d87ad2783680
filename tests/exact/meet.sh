#!/usr/bin/env bash
# Threads and processes of the exact source that keep each other from work take as long as on CPUs of their own:
# all one after another in a lock, by flags or barriers that spin, two at a time with a semaphore of two, each its share of tasks, one behind the other at pipes.
#
#   meet.sh BUILD SOURCE_DIR
#
# Exits 0, 1, or 77 = skipped, with the reason.
set -eu
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/../e2e/lib.sh"
exact_script "$@"

cat >t.yaml <<YAML
schema: 1
name: small caches
host:
  cpu: {cores: 4}
  caches:
    l1d: {size: 16KiB, ways: 4, latency: 5cyc}
    l2: none
    llc: {size: 256KiB, ways: 16, latency: 40cyc}
  tlb: none
  local: {latency: 100ns, bandwidth: unlimited, capacity: 4GiB}
devices:
  mem0: {type: memdev, upstream: host, latency: 250ns, bandwidth: unlimited, capacity: 4GiB}
placement: {policy: page-interleave, splits: [100, 0]}
YAML

# times WORDS...: ns, all local and all on CXL
times() {
	"$BUILD/cxlmemsim" record -q -S exact -t t.yaml --mem-latency 100ns --walk-latency 20ns \
		--roi-begin together -o m.cxlt -- "$@"
	"$BUILD/cxlmemsim" replay -q -t t.yaml -f json -o m.json m.cxlt
	"$BUILD/cxlmemsim" report -q -f csv m.json | awk -F, 'NR > 1 { print $11 }'
}

# as_long ROW WAY THREADS STEPS TURNS TOLERANCE_PCT WHY: as threads alone that do TURNS times as much
as_long() {
	local row="$1, $3 threads, $4 steps" way=$2 threads=$3 steps=$4 turns=$5 pct=$6 why=$7
	local alone together i split=(local CXL)
	mapfile -t alone < <(times "$BUILD/tests/meet" alone "$threads" $((steps * turns)))
	mapfile -t together < <(times "$BUILD/tests/meet" "$way" "$threads" "$steps")
	for i in 0 1; do
		within "$row, ${split[i]}" "$(calc "${together[i]} / ${alone[i]}")" 1 "$pct" "$why"
	done
}

for steps in 2000 20000; do
	as_long "a lock" lock 4 $steps 4 5 "one at a time"
	as_long "a lock whose owner ends" robust 4 $steps 4 5 "one at a time"
	as_long "a lock, ten times each" locks 4 $steps 4 10 "one at a time"
	as_long "a spin lock, ten times each" spinlocks 4 $steps 4 10 "one at a time"
	as_long "turns by a flag" flags 4 $steps 4 10 "one at a time"
	as_long "a semaphore of two" semaphore 4 $steps 2 5 "two at a time"
	as_long "forty tasks" tasks 4 $steps 1 30 "each takes what it has time for"
done
for way in yields counts unmaps; do
	as_long "turns by a flag, $way" $way 4 20000 4 5 "one at a time"
done
as_long "a barrier that spins, one works in each round" barriers 4 20000 4 5 "one at a time"
as_long "a lock" lock 2 100000 2 5 "one at a time"

# in_a_row ROW WORDS...: two processes as long as one that does the work of both
mapfile -t one < <(times "$BUILD/tests/relay" alone 40000)
in_a_row() {
	local both i split=(local CXL)
	mapfile -t both < <(times "${@:2}")
	for i in 0 1; do
		within "$1, ${split[i]}" "$(calc "${both[i]} / ${one[i]}")" 1 2 "one after the other"
	done
}
for way in parent child turns late; do
	in_a_row "a pipe between processes, $way" "$BUILD/tests/relay" $way 40000
done
in_a_row "a pipe of a shell" sh -c "'$BUILD/tests/relay' writes 40000 | '$BUILD/tests/relay' reads 40000"

# What a parent does beside its child is known before the child is far ahead.
mapfile -t both < <(times "$BUILD/tests/relay" waits 200000)
within "a parent that waits" "$(calc "${both[0]} / ${one[0]}")" 5 2 "the child does all, five times as much"
sed 's,bandwidth: unlimited,bandwidth: 16GB/s,' t.yaml >narrow.yaml
"$BUILD/cxlmemsim" replay -q -t narrow.yaml -f json -o m.json m.cxlt
grep -q CXMS_W_LATE m.json && fail "a parent that waits: its requests came late"
finish
