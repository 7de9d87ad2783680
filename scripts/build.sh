#!/usr/bin/env bash
# Build into build/ (or the folder given first); further words go to cmake. CMAKE_BUILD_PARALLEL_LEVEL
# bounds how many compilers run at once.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
dir=${1:-$top/build}
[ $# -gt 0 ] && shift
cmake -S "$top" -B "$dir" -G Ninja "$@" >/dev/null
cmake --build "$dir" -- --quiet
