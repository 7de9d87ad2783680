#!/usr/bin/env bash
# How long a replay takes: a recording of one minute (or DURATION) and four threads, at five splits.
#
#   replay_speed.sh CXLMEMSIM TOPOLOGY [RUNS [DURATION]]
#
# Prints the wall time of each run (default: 5) and the median, in seconds.
set -eu

if [ $# -lt 2 ] || [ $# -gt 4 ]; then
	sed -n '2,6s/^# \{0,1\}//p' "$0" >&2
	exit 2
fi
program=$1
topology=$2
runs=${3:-5}
duration=${4:-60s}
case $runs in
'' | *[!0-9]* | 0*)
	echo "replay_speed: RUNS must be a number from 1, got '$runs'" >&2
	exit 2
	;;
esac
work=$(mktemp -d "${TMPDIR:-/tmp}/cxlmemsim-speed.XXXXXX")
trap 'rm -rf "$work"' EXIT

"$program" record -q -S synth --mem-latency 100ns --walk-latency 20ns --llc-size 16MiB \
	--pattern "{threads: 4, duration: $duration, stall: 0.6, kernel: 0.05, footprint: 256MiB}" -o "$work/w.cxlt"
echo "recording  $(stat -c %s "$work/w.cxlt") bytes, $("$program" trace info "$work/w.cxlt" | awk '$1 == "samples" { sub(",", "", $2); print $2; exit }') samples"
for ((i = 0; i < runs; i++)); do
	start=$EPOCHREALTIME
	"$program" replay -q -t "$topology" -s 100,75,50,25,0 -f csv -o "$work/r.csv" "$work/w.cxlt"
	echo "$start $EPOCHREALTIME" | tr , . | awk '{ printf "%.3f\n", $2 - $1 }'
done | sort -n >"$work/times"
awk -v duration="$duration" '{ t[NR] = $1; line = line " " $1 }
END {
	median = NR % 2 ? t[(NR + 1) / 2] : (t[NR / 2] + t[NR / 2 + 1]) / 2
	printf "seconds   %s\nmedian     %.3f s of %d replays of %s, 4 threads, 5 splits\n", line, median, NR, duration
}' "$work/times"
