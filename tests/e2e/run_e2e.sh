#!/usr/bin/env bash
# One end-to-end test: real programs, watched by the real tool.
#
#   run_e2e.sh BUILD SCRIPT VARIANT [MACHINE_DIR]
#   run_e2e.sh BUILD machine MACHINE_DIR
#
# VARIANT is clock (perf_event_open allowed), ptrace (perf_event_open refused by a seccomp filter, as
# containers do it: the tool has to fall back), exact (the Valgrind tool, which is where the build left
# it), any (the script chooses): as root, and skipped without it. After user- the same as an ordinary
# user: this one, or 65534 when it is root. The second form measures this machine once, into a cache
# directory that all tests share.
#
# SCRIPT is sourced by bash in a scratch directory that holds copies of everything it needs; see
# lib.sh for what it may use. Exits 0, 1, or 77 = skipped, with the reason.
set -u
export LC_ALL=C TZ=UTC

skip() {
	echo "skipped: $*"
	exit 77
}

if [ "${2:-}" = machine ] && [ $# -eq 3 ]; then
	mkdir -p "$3"
	XDG_CACHE_HOME=$3 "$1/cxlmemsim" doctor --measure
	status=$?
	[ $status -eq 3 ] && exit 0 # no source works: the tests themselves say so
	exit $status
fi
if [ $# -lt 3 ] || [ $# -gt 4 ]; then
	sed -n '2,17s/^# \{0,1\}//p' "$0" >&2
	exit 2
fi
build=$1
script=$2
variant=$3
here=$(cd "$(dirname "$0")" && pwd)

T=$(mktemp -d "${TMPDIR:-/tmp}/cxlmemsim-e2e.XXXXXX") || exit 2
trap 'rm -rf "$T"' EXIT
mkdir "$T/bin" "$T/cache" "$T/work"
cp "$build/cxlmemsim" "$build/microbench/mb" "$build/tests/refuse" "$T/bin" || exit 2
cp "$script" "$T/script.sh"
cp "$here/lib.sh" "$T/lib.sh"
[ -d "${4:-}" ] && cp -R "$4/." "$T/cache"
chmod -R a+rX "$T"

as=()
if [[ $variant != user-* ]]; then
	[ "$(id -u)" -eq 0 ] || skip "needs root; user-$variant is the same as an ordinary user"
elif [ "$(id -u)" -eq 0 ]; then
	as=(setpriv --reuid=65534 --regid=65534 --clear-groups)
	"${as[@]}" true 2>/dev/null || skip "setpriv cannot become user 65534 here"
	chown -R 65534:65534 "$T"
	"${as[@]}" "$T/bin/cxlmemsim" --version >/dev/null 2>&1 ||
		skip "user 65534 cannot execute files below ${TMPDIR:-/tmp}"
fi

# works SOURCE VIA...: whether a source works for that user; why = what doctor says of it
works() {
	local name=$1
	shift
	why=$("${as[@]}" "$@" "$T/bin/cxlmemsim" doctor 2>/dev/null | sed -n "s/^ *$name  *//p" | head -n 1)
	[[ $why == works* ]]
}

via=()
source=${variant#user-}
case $source in
clock)
	works clock || skip "source clock here: ${why:-no answer from doctor}"
	;;
ptrace)
	via=("$T/bin/refuse" perf=EPERM --)
	works ptrace "${via[@]}" || skip "source ptrace here: ${why:-no answer from doctor}"
	;;
exact)
	export CXMS_EXACT_DIR=$build/exact
	works exact || skip "source exact here: ${why:-no answer from doctor}"
	;;
any)
	if works clock; then
		source=clock
	else
		works ptrace || skip "neither source clock nor ptrace works here: ${why:-no answer from doctor}"
		source=ptrace
	fi
	;;
*)
	echo "run_e2e: no variant '$variant'" >&2
	exit 2
	;;
esac

export T CXMS=$T/bin/cxlmemsim MB=$T/bin/mb REFUSE=$T/bin/refuse VIA="${via[*]}" SOURCE=$source
export XDG_CACHE_HOME=$T/cache HOME=$T/work
cd "$T/work" || exit 2
"${as[@]}" bash -u -c '. "$T/lib.sh"; . "$T/script.sh"; finish'
