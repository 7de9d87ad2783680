#!/usr/bin/env bash
# What the exact source's tool must understand: software prefetch, non-temporal and guarded accesses,
# faults, threads, regions, code that changes, children, signals, allocations, string instructions,
# loads of what was just stored.
#
#   features.sh BUILD SOURCE_DIR
#
# Each case of 'features' prints what its stream has to say; that is looked for. Exits 0, 1, or 77 =
# skipped, with the reason.
set -eu
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/../e2e/lib.sh"
exact_script "$@"
export VALGRIND_LIB=$BUILD/exact
failed=0

fail() {
	echo "FAILED: $*"
	failed=1
}

# run CASE STATUS OPTION...: the stream as text in stream.txt, what it has to say in want.txt
run() {
	local case=$1 want=$2 got=0
	shift 2
	rm -f stream.cxs
	valgrind --tool=cxms -q --vgdb=no --run-libc-freeres=no --trace-children=yes --log-file=log.%p \
		--cxms-cores=4 --cxms-out="$work/stream.cxs" "$@" "$BUILD/tests/features" "$case" \
		>want.txt || got=$?
	[ "$got" = 77 ] && want=77
	[ "$got" = "$want" ] || fail "$case: exit status $got, not $want: $(cat log.*)"
	"$BUILD/tests/xdump" -t stream.cxs >stream.txt 2>err.txt || fail "$case: $(cat err.txt)"
	rm -f log.*
}

# said CASE: each line of want.txt is in the stream, its words in that order, with others between
said() {
	local words
	[ -s want.txt ] || fail "$1: nothing is wanted"
	while read -r words; do
		grep -qE "(^| )${words// /( [0-9a-f]+)* }( |\$)" stream.txt || fail "$1: no '$words' in its stream"
	done <want.txt
	echo "$1: $(wc -l <want.txt) things found"
}

for case in prefetch nt combine gather fault threads region jit child adopted barrier strings forward; do
	status=0
	run $case $status
	[ -s want.txt ] || { echo "$case: skipped, not on this machine" && continue; }
	said $case
done
run allocate 0 --cxms-alloc=yes
said allocate
run ended 0
told=$(grep -c "hello fork 1" stream.txt)
[ "$told" = "$(cat want.txt)" ] || fail "ended: $told of $(cat want.txt) children told of themselves"
echo "ended: $told children"
run signals 0
run unreadable 0
run stamp 0
# Bits of registers are no accesses.
run bits 0
while read -r words; do
	! grep -qE "(^| )$words( |\$)" stream.txt || fail "bits: '$words' in its stream"
done <want.txt
run itself 3
run crash 134

# Guarded accesses that do not happen, and futexes, as often as they should be.
run gather 0
skips=$(grep -o ' skip ' stream.txt | wc -l)
[ ! -s want.txt ] || [ "$skips" -ge "$(grep -c skip want.txt)" ] || fail "gather: $skips skips"
run threads 0
[ "$(grep -c '^wake ' stream.txt)" -ge 3 ] || fail "threads: ends of threads wake nobody"
# They had ended before they were joined.
[ "$(grep -c '^resume .* 1$' stream.txt)" -ge 3 ] || fail "threads: who joins them does not wait"

# Each sleeps five times in each of three ways, and is woken by the other's call; the second may come late to the first.
run turns 0
for what in wake resume; do
	n=$(grep -cE "^$what 2000000000001 1\$" stream.txt)
	[ "$n" = 15 ] || fail "turns: $what of the first thread: $n times"
	n=$(grep -cE "^$what 200000000000[234] 1\$" stream.txt)
	[ "$n" -ge 12 ] && [ "$n" -le 15 ] || fail "turns: $what of the others: $n times"
done

# A write of each line that non-temporal stores put together, and no more.
run combine 0
writes=$(grep -oE ' nt [0-9]+ line ' stream.txt | wc -l)
[ "$writes" -eq "$(wc -l <want.txt)" ] || fail "combine: $writes writes, not $(wc -l <want.txt)"
# Lines that are brought have numbers, so none of them may be missing.
run crowd 0 --cxms-pf-l1d=next-line:32:0 --cxms-pf-l2=next-line:32:32
most=$(awk '{ n = gsub(/ pf /, "&"); if (n > m) m = n } END { print m + 0 }' stream.txt)
[ "$most" -ge 1900 ] || fail "crowd: $most prefetches at once, too few"
! grep -q "^warn .*did not fit" stream.txt || fail "crowd: $(grep "^warn .*did not fit" stream.txt)"

# How far wrong paths are walked shows by the lines that they ask for. Who has waited for a line once finds it
# there: the next walks are short, and come to no other line.
far='behind (1[6-9]|[2-9][0-9]|[1-9][0-9]{2,}) '
run awaited 0 --cxms-l2=none --cxms-roi-begin=awaited
walks=$(grep -cE " wrong(use)? [0-9]+ $far" stream.txt || true) lines=$(cat want.txt)
[ "$walks" -ge $((lines / 4)) ] && [ "$walks" -le $((lines * 5 / 4)) ] ||
	fail "awaited: $walks far walks for $lines lines"
run long_ago 0 --cxms-l2=none --cxms-roi-begin=long_ago
walks=$(grep -cE " wrong(use)? [0-9]+ $far" stream.txt || true)
[ "$walks" -le $((lines / 8)) ] || fail "long_ago: $walks far walks for $lines lines"
# Where walks have brought nothing, few of the next are far.
run barren 0 --cxms-l2=none --cxms-roi-begin=barren
walks=$(grep -cE " llc 0 misp 0 wrong 0 $far" stream.txt || true) rounds=$(cat want.txt)
[ "$walks" -ge $((rounds / 64)) ] && [ "$walks" -le $((rounds / 6)) ] ||
	fail "barren: $walks far walks, in $rounds rounds that would find something"
# Instructions that wrong paths follow, to the next line.
for case in bits product quotient call computed store change above pushed prefix avx high left; do
	run "follow_$case" 0 --cxms-l2=none --cxms-roi-begin="hops_$case"
	[ -s want.txt ] || { echo "follow_$case: skipped, not on this machine" && continue; }
	walks=$(grep -cE " wrong(use)? [0-9]+ $far" stream.txt || true) hops=$(cat want.txt)
	[ "$walks" -ge $((hops / 4)) ] || fail "follow_$case: $walks far walks in $hops hops"
	echo "follow_$case: $walks far walks in $hops hops"
done

# Regions by name; the two markers of one address.
run nothing 3 --cxms-roi-begin=nothing
grep -q '^counts.* 1 0 [1-9][0-9]*$' stream.txt || fail "region by name: $(grep ^counts stream.txt)"
run nothing 125 --cxms-roi-begin=nothing --cxms-roi-end=nothing
grep -q "^warn .*one and the same code" stream.txt || fail "one address for begin and end: no warning"
run nothing 3 --cxms-roi-begin=no_such_function
grep -q "^warn .*was never entered" stream.txt || fail "a region that is never entered: no warning"
exit $failed
