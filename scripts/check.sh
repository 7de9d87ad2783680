#!/usr/bin/env bash
# What CI runs: format; gcc with -Werror and all tests; clang with -Werror, ASan and UBSan, and the
# tests of units, formats and command line that judge no times.
# --long adds the longest of these and the properties sanitized, all of that with gcc's sanitizers too, a
# minute of fuzzing for each parser, and every point of the cycle-level reference.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
long=0
[ "${1-}" = --long ] && long=1
too_long='prop[.]|cli.sweep'
fuzz=OFF
if [ $long -eq 1 ]; then
	too_long=none
	fuzz=ON
fi
"$top/scripts/setup.sh" --check
cd "$top"

# stage NAME: it starts now
stage() {
	echo "== $1 (after $SECONDS s)"
}

# sanitized FOLDER CMAKE_WORDS...
sanitized() {
	"$top/scripts/build.sh" "$1" -DCXMS_WERROR=ON -DCXMS_SANITIZE=address,undefined "${@:2}"
	(cd "$1" && ctest --output-on-failure -j "$(nproc)" -L 'unit|prop|cli|fuzz' -E "$too_long" --repeat until-pass:2)
}

stage "format"
find src tests microbench workloads -name '*.[ch]' -print0 | xargs -0 clang-format --dry-run -Werror

stage "gcc: build and all tests"
"$top/scripts/test.sh"

stage "clang with ASan and UBSan: build and tests"
sanitized "$top/build-clang" -DCMAKE_C_COMPILER=clang -DCXMS_FUZZ=$fuzz

if [ $long -eq 1 ]; then
	stage "gcc with ASan and UBSan: build and tests"
	sanitized "$top/build-asan"
	for target in build-clang/tests/libfuzzer_*; do
		name=$(basename "$target" | sed 's/^libfuzzer_fuzz_//')
		stage "fuzz $name"
		work=$(mktemp -d)
		"$target" -max_total_time=60 -print_final_stats=1 "$work" "tests/data/corpus/$name"
		rm -rf "$work"
	done
	stage "exact source: every point of the cycle-level reference"
	tests/exact/accuracy.sh "$top/build" "$top" --all || [ $? -eq 77 ]
fi
stage "all passed"
