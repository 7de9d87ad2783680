#!/usr/bin/env bash
# Set up what is missing, build, and run the main job on a real program: a hash join behind one CXL switch.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
"$top/scripts/setup.sh"
"$top/scripts/build.sh"
cd "$top"
set -- build/cxlmemsim -t cxltopo/one-switch.yaml -- build/workloads/hashjoin -n 3
echo "\$ $*"
exec "$@"
