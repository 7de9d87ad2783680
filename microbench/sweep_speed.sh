#!/usr/bin/env bash
# How long a sweep takes: 1000 results (200 topologies, 5 splits) over a recording of one minute (or
# DURATION) and four threads, with one job and with two.
#
#   sweep_speed.sh CXLMEMSIM TOPOLOGY [RUNS [DURATION]]
#
# TOPOLOGY has a memdev mem0; its latency and bandwidth are swept, down to where mem0 is full. Prints
# wall time, CPU time and results a second of each run (default: 3), the median for each number of
# jobs, and the machine; fails when two runs differ by a byte.
set -eu

if [ $# -lt 2 ] || [ $# -gt 4 ]; then
	sed -n '2,9s/^# \{0,1\}//p' "$0" >&2
	exit 2
fi
program=$1
topology=$2
runs=${3:-3}
duration=${4:-60s}
case $runs in
'' | *[!0-9]* | 0*)
	echo "sweep_speed: RUNS must be a number from 1, got '$runs'" >&2
	exit 2
	;;
esac
work=$(mktemp -d "${TMPDIR:-/tmp}/cxlmemsim-sweep.XXXXXX")
trap 'rm -rf "$work"' EXIT
export LC_ALL=C
TIMEFORMAT='%R %U %S'

"$program" record -q -S synth --mem-latency 100ns --walk-latency 20ns --llc-size 16MiB \
	--pattern "{threads: 4, duration: $duration, stall: 0.6, kernel: 0.05, footprint: 256MiB}" -o "$work/w.cxlt"
echo "machine    $(nproc) CPUs, $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | sed -n 1p), load $(cut -d' ' -f1 /proc/loadavg)"
for jobs in 1 2; do
	for ((i = 0; i < runs; i++)); do
		{ time "$program" sweep -q -j $jobs -t "$topology" -s 100,75,50,25,0 \
			--set devices.mem0.latency=150ns..340ns/10ns --set devices.mem0.bandwidth.total=1GB/s..10GB/s/1GB/s \
			-o "$work/s.csv" "$work/w.cxlt"; } 2>>"$work/times.$jobs"
		[ -e "$work/first.csv" ] || cp "$work/s.csv" "$work/first.csv"
		cmp "$work/first.csv" "$work/s.csv"
	done
	results=$(($(wc -l <"$work/s.csv") - 1))
	sort -n "$work/times.$jobs" | awk -v jobs=$jobs -v results=$results -v duration="$duration" '{
		wall[NR] = $1
		printf "run        %d jobs: %.2f s, CPU %.2f s, %.0f results/s\n", jobs, $1, $2 + $3, results / $1
	}
	END {
		median = NR % 2 ? wall[(NR + 1) / 2] : (wall[NR / 2] + wall[NR / 2 + 1]) / 2
		printf "median     %d jobs: %.2f s for %d results over %s of 4 threads\n", jobs, median, results, duration
	}'
done
