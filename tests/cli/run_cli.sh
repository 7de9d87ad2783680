#!/usr/bin/env bash
# Golden tests of the command line.
#
#   run_cli.sh [--set-exact-output] PROGRAM GROUP_DIR [CASE...]
#
# A case is GROUP_DIR/<case>.sh, run by sh in a scratch directory that holds a copy of data/ and
# w.cxlt, a recording of source synth; MACHINES is tests/data/machines. 'cxlmemsim' is PROGRAM; HOME and the cache lie in the scratch
# directory; FAKE_VALGRIND is a folder with a stand-in for valgrind and the exact tool, SCRIPTS is that of
# the scripts; PERF_MAKE writes perf.data files. Beside it stand
#   <case>.stdout.exact   what standard output must be, byte by byte (none: empty)
#   <case>.stdout.glob    or, line by line as shell patterns; a line "..." stands for any lines
#   <case>.stderr.exact, <case>.stderr.glob   the same of standard error
#   <case>.exit           the exit code (none: 0)
# A case that exits with 77 is skipped. --set-exact-output writes the .exact and .exit files anew
# instead of comparing; .glob files are the author's.
set -u

set_exact=false
if [ "${1:-}" = --set-exact-output ]; then
	set_exact=true
	shift
fi
if [ $# -lt 2 ]; then
	sed -n '2,17s/^# \{0,1\}//p' "$0" >&2
	exit 2
fi
program=$(realpath "$1")
group=$(realpath "$2")
shift 2
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/cxlmemsim-cli.XXXXXX") || exit 2
trap 'chmod -R u+rwx "$work"; rm -rf "$work"' EXIT
mkdir "$work/bin"
ln -s "$program" "$work/bin/cxlmemsim"
export PATH="$work/bin:$PATH" LC_ALL=C TZ=UTC
export FAKE_VALGRIND=$(dirname "$program")/tests/fake
export PERF_MAKE=$(dirname "$program")/tests/perf_make
export MACHINES=$(realpath "$here/../data/machines")
export SCRIPTS=$(realpath "$here/../../scripts")
unset CXMS_FSROOT XDG_CACHE_HOME CXMS_EXACT_DIR FAKE_TOOL TMPDIR

# One recording for all cases: the same bytes each time, on any machine.
(cd "$work" && HOME=$work cxlmemsim record -q -S synth --mem-latency 100ns --walk-latency 20ns \
	--llc-size 1MiB --pattern "$(cat "$here/data/w.pattern")" -o w.cxlt) || exit 2

# match_glob PATTERNS TEXT: whole files, line by line
match_glob() {
	local -a want got
	local i=0 j=0
	mapfile -t want <"$1"
	mapfile -t got <"$2"
	while [ $i -lt ${#want[@]} ]; do
		if [ "${want[i]}" = ... ]; then
			i=$((i + 1))
			[ $i -eq ${#want[@]} ] && return 0
			while [ $j -lt ${#got[@]} ] && [[ ${got[j]} != ${want[i]} ]]; do
				j=$((j + 1))
			done
		fi
		if [ $j -ge ${#got[@]} ] || [[ ${got[j]} != ${want[i]} ]]; then
			echo "  no line matches: ${want[i]}"
			return 1
		fi
		i=$((i + 1))
		j=$((j + 1))
	done
	[ $j -eq ${#got[@]} ] && return 0
	echo "  beyond the patterns: ${got[j]}"
	return 1
}

# check_stream CASE NAME GOT
check_stream() {
	if [ -e "$1.$2.glob" ]; then
		match_glob "$1.$2.glob" "$3" && return 0
		sed 's/^/  got: /' "$3"
		return 1
	fi
	if $set_exact; then
		rm -f "$1.$2.exact"
		[ -s "$3" ] && cp "$3" "$1.$2.exact"
		return 0
	fi
	if [ -e "$1.$2.exact" ]; then
		diff -u "$1.$2.exact" "$3"
	else
		diff -u /dev/null "$3"
	fi
}

# run_case SCRIPT
run_case() {
	local case=${1%.sh} scratch status want=0 bad=0
	scratch=$work/$(basename "$case")
	mkdir "$scratch" "$scratch.out"
	cp "$here"/data/* "$work/w.cxlt" "$scratch"
	(cd "$scratch" && HOME=$scratch exec sh "$1") >"$scratch.out/stdout" \
		2>"$scratch.out/stderr" </dev/null
	status=$?
	[ $status -eq 77 ] && echo "skip $(basename "$case")" && return 0
	check_stream "$case" stdout "$scratch.out/stdout" || bad=1
	check_stream "$case" stderr "$scratch.out/stderr" || bad=1
	if $set_exact; then
		rm -f "$case.exit"
		[ $status -ne 0 ] && echo $status >"$case.exit"
		return $bad
	fi
	[ -e "$case.exit" ] && want=$(cat "$case.exit")
	if [ "$status" != "$want" ]; then
		echo "  exit code $status, not $want"
		bad=1
	fi
	return $bad
}

n=0
failed=0
# What no case asks for was left behind.
for wanted in "$group"/*.{exact,glob,exit}; do
	case=${wanted%.exact}
	case=${case%.glob}
	case=${case%.exit}
	case=${case%.stdout}
	case=${case%.stderr}
	[ ! -e "$wanted" ] || [ -e "$case.sh" ] && continue
	echo "FAILED $(basename "$group")/$(basename "$wanted"): no such case"
	failed=$((failed + 1))
done
[ $# -eq 0 ] && set -- "$group"/*.sh
for script in "$@"; do
	[ -e "$script" ] || script=$group/${script%.sh}.sh
	n=$((n + 1))
	if [ ! -e "$script" ]; then
		echo "FAILED $(basename "$group")/$(basename "${script%.sh}"): no such case"
		failed=$((failed + 1))
		continue
	fi
	if run_case "$script"; then
		continue
	fi
	echo "FAILED $(basename "$group")/$(basename "${script%.sh}")"
	failed=$((failed + 1))
done
echo "$n cases, $failed failed"
[ $n -gt 0 ] && [ $failed -eq 0 ]
