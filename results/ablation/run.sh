#!/usr/bin/env bash
# What each mechanism of the window model is worth: records the programs of tests/data/gem5 under the
# exact source, evaluates them with one mechanism after the other left out, and writes the tables.
#
#   run.sh BUILD [FOLDER]
#
# FOLDER (default: one named by today's date, beside this script) gets ablation.csv and README.md.
set -eu
export LC_ALL=C
if [ $# -lt 1 ] || [ $# -gt 2 ]; then
	sed -n '2,7s/^# \{0,1\}//p' "$0" >&2
	exit 2
fi
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
BUILD=$(cd "$1" && pwd)
REFERENCE=$top/tests/data/gem5
out=${2:-$here/$(date +%F)}
. "$top/tests/exact/reference.sh"
needs=$(reference_needs)
[ -z "$needs" ] || { echo "ablation: $needs" >&2 && exit 3; }
work=$(mktemp -d "${TMPDIR:-/tmp}/cxlmemsim-ablation.XXXXXX")
trap 'rm -rf "$work"' EXIT

reference_groups | while read -r group; do
	IFS=, read -r workload _ core prefetch <<<"$group"
	[ -z "${CXMS_ABLATION_ONLY:-}" ] || [ "$workload" = "$CXMS_ABLATION_ONLY" ] || continue
	reference_topology "$work/$core.yaml" "$group" 90 unlimited
	reference_record "$work/$workload.$prefetch.$core.cxlt" "$group" "$work/$core.yaml"
done
mkdir -p "$out"
"$BUILD/microbench/ablation" "$REFERENCE/results.csv" "$work" "$out/ablation.csv" >"$work/tables"

cpu=$(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | head -n 1)
state=
[ -z "$(git -C "$top" status --porcelain 2>/dev/null)" ] || state=", with changes"
{
	cat <<MD
# What each mechanism of the window model is worth

Slowdowns of the points of \`tests/data/gem5\` (a cycle-level simulator) as the exact source predicts them, with everything modelled and with one
mechanism left out at a time. A mechanism is in the model because hardware has it, not because a row needs it; some make no
difference to these programs. \`ablation.csv\` has every slowdown.

| | |
|---|---|
| command | \`results/ablation/run.sh BUILD\` |
| git | $(git -C "$top" rev-parse --short=12 HEAD 2>/dev/null || echo unknown)$state |
| host | ${cpu:-unknown CPU}, $(uname -sr); results do not depend on it |
| tools | $("$BUILD/cxlmemsim" --version | head -n 1), $(valgrind --version), gcc $(gcc -dumpfullversion) for the programs |
| topology | \`tests/data/gem5/rob224.yaml.in\` $(sha256sum "$REFERENCE/rob224.yaml.in" | cut -c1-12), \`rob512.yaml.in\` $(sha256sum "$REFERENCE/rob512.yaml.in" | cut -c1-12) |
| seed | none: nothing is drawn at random |

## By mechanism

Mean absolute and largest error of the slowdown over all points but the local ones; and the mean absolute error of the cycles, over all points: without a
limit on the lines in flight a program is faster at every latency, and its slowdown may be the same.

MD
	sed '/^$/,$d' "$work/tables"
	printf '\n## By program\n\nMean absolute error in %% over the points of the program, with what the column names left out.\n'
	sed -n '/^$/,$p' "$work/tables"
} >"$out/README.md"
