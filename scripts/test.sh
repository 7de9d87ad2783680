#!/usr/bin/env bash
# Set up what is missing, build, and run the tests. Words given go to ctest instead of the usual choice.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
"$top/scripts/setup.sh"
"$top/scripts/build.sh" "$top/build" -DCXMS_WERROR=ON
cd "$top/build"
if [ $# -gt 0 ]; then
	exec ctest --output-on-failure "$@"
fi
# Some of these, and all of the second kind, run real programs against the clock of a machine that
# others may use: a busy moment fails a row with its figures, and the row is tried again; one that is
# wrong fails every time.
ctest --output-on-failure -j "$(nproc)" -LE e2e --repeat until-pass:2
ctest --output-on-failure -j "$(nproc)" -L e2e --repeat until-pass:3
