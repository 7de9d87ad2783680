#!/usr/bin/env bash
# The exact source's tool against Valgrind's own: instructions, loads and stores as lackey counts them,
# misses as cachegrind has them in the same caches; and the same bytes in each run.
#
#   counts.sh BUILD SOURCE_DIR
#
# Exits 0, 1, or 77 = skipped, with the reason.
set -eu
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/../e2e/lib.sh"
exact_script "$@"
programs=$BUILD/tests/gem5
xdump=$BUILD/tests/xdump
[ -x "$programs/gather" ] || { echo "skipped: the programs were not built; they need gcc" && exit 77; }
# A program's stack begins below its environment: all tools run with the same.
export VALGRIND_LIB=$BUILD/exact
failed=0

# Cachegrind and this tool differ in the order of an instruction's line and its data's, and in where
# dirty lines go; neither is worth this.
MISSES_PCT=2
L1=32768,8
LLC=2097152,16

fail() {
	echo "FAILED: $*"
	failed=1
}

ours() {
	valgrind --tool=cxms -q --vex-guest-chase=no --log-file=ours.log --cxms-stats=yes --cxms-l1i=$L1 \
		--cxms-l1d=$L1 --cxms-l2=none --cxms-llc=$LLC --cxms-frames=no --cxms-wrong-path=no "$@"
	sed -i 's/^==[0-9]*== //' ours.log
}

# of NAME: a total of the last run
of() {
	awk -v name="$1" '$1 == name { print $2 }' ours.log
}

# instructions, loads, stores: lackey counts the latter by type
lackey() {
	valgrind --tool=lackey --basic-counts=yes --detailed-counts=yes --vex-guest-chase=no --log-file=lackey.log "$@"
	sed 's/,//g; s/^==[0-9]*== //' lackey.log |
		awk '$1 == "guest" && $2 == "instrs:" { i = $3 } /^   [IFVD][0-9]+ / { l += $2; s += $3 } END { print i, l, s }'
}

# cachegrind's misses: first-level data, last-level data, last-level instructions
cachegrind() {
	valgrind --tool=cachegrind --cache-sim=yes --vex-guest-chase=no --cachegrind-out-file=/dev/null \
		--I1=$L1,64 --D1=$L1,64 --LL=$LLC,64 --log-file=grind.log "$@"
	sed -n 's/,//g; s/^==[0-9]*== //; /^D1  *misses:/p; /^LLd misses:/p; /^LLi misses:/p' grind.log |
		awk '{ v[$1] = $3 } END { print v["D1"], v["LLd"], v["LLi"] }'
}

near() {
	awk -v a="$1" -v b="$2" -v pct=$MISSES_PCT 'BEGIN { d = a > b ? a - b : b - a; exit !(d <= b * pct / 100 + 10) }'
}

for arguments in "gather 4096 20000 0" "merge 4096 9000 0" "matmul 168 16 20" "hash 3072 3000 1 4"; do
	# shellcheck disable=SC2086 # words
	set -- $arguments
	program=$programs/$1
	shift
	ours "$program" "$@"
	want=$(lackey "$program" "$@")
	got="$(of insns) $(of loads) $(of stores)"
	[ "$got" = "$want" ] || fail "$arguments: instructions, loads, stores $got, lackey has $want"
	read -r d1 lld lli <<<"$(cachegrind "$program" "$@")"
	near $(($(of l1d_load_miss) + $(of l1d_store_miss))) "$d1" ||
		fail "$arguments: L1D misses $(of l1d_load_miss) + $(of l1d_store_miss), cachegrind has $d1"
	near $(($(of llc_load_miss) + $(of llc_store_miss))) "$lld" ||
		fail "$arguments: LLC misses $(of llc_load_miss) + $(of llc_store_miss), cachegrind has $lld"
	near "$(of llc_ifetch_miss)" "$lli" ||
		fail "$arguments: instruction misses $(of llc_ifetch_miss), cachegrind has $lli"
	echo "$arguments: $got as lackey; misses $d1 $lld $lli"
done

# The stream: well formed, and twice the same but for process numbers.
for options in "--cxms-pf-l2=stride:8:0" \
	"--cxms-l2=none --cxms-llc=1966080,15,plru --cxms-pf-l1d=next-line:1:0+stride:4:1 --cxms-pf-llc=next-line:2:0" \
	"--cxms-l2=49152,12,inclusive --cxms-llc=2621440,20,inclusive --cxms-tlb=64,1536/12,4096" \
	"--cxms-sample=50000/200000 --cxms-l1d=49152,12,plru" \
	"--cxms-roi-begin=mark_roi_begin --cxms-roi-end=mark_roi_end --cxms-cold-at=mark_init_done"; do
	for run in 1 2; do
		# shellcheck disable=SC2086 # words
		valgrind --tool=cxms -q $options --cxms-out="$work/$run.cxs" "$programs/bsearch" 512 200 0
		"$xdump" -t $run.cxs >$run.txt || fail "$options: the stream is not well formed"
	done
	cmp -s 1.txt 2.txt || fail "$options: two runs differ: $(cmp 1.txt 2.txt)"
	tail -n 1 1.txt
	rm -f ./*.cxs ./*.txt
done
exit $failed
