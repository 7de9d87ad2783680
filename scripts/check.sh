#!/usr/bin/env bash
# What CI runs: format, both compilers with -Werror, the tests, the same under ASan and UBSan.
# --long adds the properties with clang, the longest tests sanitized, a minute of fuzzing for each
# parser, and every point of the cycle-level reference.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
long=0
[ "${1-}" = --long ] && long=1
clang_tests='unit|fuzz'
too_long='prop.prop_coverage|cli.sweep'
[ $long -eq 1 ] && clang_tests='unit|prop|fuzz' too_long=none
"$top/scripts/setup.sh" --check
cd "$top"

echo "== format"
git ls-files '*.[ch]' | xargs clang-format --dry-run -Werror

echo "== gcc: build and all tests"
"$top/scripts/test.sh"

echo "== clang: build and short tests"
"$top/scripts/build.sh" "$top/build-clang" -DCMAKE_C_COMPILER=clang -DCXMS_WERROR=ON -DCXMS_FUZZ=ON
(cd build-clang && ctest --output-on-failure -j "$(nproc)" -L "$clang_tests" --repeat until-pass:2)

echo "== gcc with ASan and UBSan"
"$top/scripts/build.sh" "$top/build-asan" -DCXMS_WERROR=ON -DCXMS_SANITIZE=address,undefined
(cd build-asan && ctest --output-on-failure -j "$(nproc)" -L 'unit|prop|cli|fuzz' -E "$too_long" --repeat until-pass:2)

if [ $long -eq 1 ]; then
	for target in build-clang/tests/libfuzzer_*; do
		name=$(basename "$target" | sed 's/^libfuzzer_fuzz_//')
		echo "== fuzz $name"
		work=$(mktemp -d)
		"$target" -max_total_time=60 -print_final_stats=1 "$work" "tests/data/corpus/$name"
		rm -rf "$work"
	done
	echo "== exact source: every point of the cycle-level reference"
	tests/exact/accuracy.sh "$top/build" "$top" --all || [ $? -eq 77 ]
fi
echo "check: all passed"
