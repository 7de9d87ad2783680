#!/usr/bin/env bash
# The benchmarks of microbench/ work, and the chase is what it claims to be. No time is judged here.
#
#   benchmarks.sh BUILD SOURCE_DIR
set -u
export LC_ALL=C
[ $# -eq 2 ] || exit 2
bad=0

# check ROW STATUS
check() {
	[ "$2" -eq 0 ] && echo "ok      $1" && return
	echo "FAILED  $1"
	bad=1
}

if command -v objdump >/dev/null && [ "$(uname -m)" = x86_64 ]; then
	objdump -d --no-show-raw-insn "$1/microbench/mb" |
		awk '/<mb_chase_batch>:$/, /^$/' | grep -Eq 'mov +\((%r[a-z0-9]+)\),\1$'
	check "chase: its load overwrites its own base, so each waits for the one before" $?
else
	echo "skipped chase: needs objdump on x86_64"
fi
for kernel in chase compute loop stream store ntstore gather mixture zipf mixed manythreads forks execchain sleeper pool read fault; do
	size=(--size 4MiB)
	[[ $kernel != compute && $kernel != sleeper ]] || size=()
	"$1/microbench/mb" $kernel "${size[@]}" --steps 2000 | grep -q ', correct$'
	check "mb $kernel has the answer that is known" $?
done
for by in clock ptrace; do
	if "$1/cxlmemsim" doctor | grep -q "^ *$by  *works"; then
		"$1/microbench/overhead" --tiny --pairs 1 --source $by | grep -c ' none: too short to judge$' |
			grep -qx 3
		check "overhead --source $by has a line for each program" $?
	else
		echo "skipped overhead: source $by does not work here"
	fi
done
if "$1/cxlmemsim" doctor | grep -q '^ *clock  *works'; then
	"$1/microbench/overhead" --tiny --pairs 1 --parts |
		awk '/^start, end [0-9.-]+ \[/ { start = 1 } / none: too short to judge$/ { n++ } END { exit !(start && n == 3) }'
	check "overhead --parts has start and end, and a line for each program" $?
	"$1/microbench/overhead" --tiny --pairs 1 --floor |
		awk '/^a sample +[0-9.-]+ \[.* us bare, [0-9.-]+ \[/ { n++ } /^first event +[0-9.]+ \[.* ms; [0-9.]+ \[/ { n++ } END { exit n != 2 }'
	check "overhead --floor has a sample, bare and as recorded, and the first event" $?
else
	echo "skipped overhead --parts and --floor: source clock does not work here"
fi
if "$1/cxlmemsim" doctor | grep -q '^ *exact  *works'; then
	"$1/microbench/bench_exact" --tiny --runs 1 | grep -Ec '^(chase|gather|stream|sort|page-rank|hash join) ' |
		grep -qx 18
	check "bench_exact has three lines for each program" $?
else
	echo "skipped bench_exact: source exact does not work here"
fi
"$2/microbench/replay_speed.sh" "$1/cxlmemsim" "$2/cxltopo/one-switch.yaml" 1 1s |
	grep -Eq '^median +[0-9.]+ s of 1 replays'
check "replay_speed.sh prints a median" $?
"$2/microbench/sweep_speed.sh" "$1/cxlmemsim" "$2/cxltopo/one-switch.yaml" 1 1s |
	grep -Ec '^median +[12] jobs: [0-9.]+ s for 1000 results' | grep -qx 2
check "sweep_speed.sh prints a median for each number of jobs" $?
exit $bad
