#!/usr/bin/env bash
# Set up what is missing, build, and run the tests.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
"$top/scripts/setup.sh"
"$top/scripts/build.sh" "$top/build" -DCXMS_WERROR=ON
cd "$top/build"
exec ctest --output-on-failure "$@"
