# Threads that end before their first sample are seen by none: warned of, but not where each has one.
for duration in 1ms 3ms; do
	cxlmemsim record -q -S synth --mem-latency 100ns --walk-latency 20ns --llc-size 1MiB \
		--pattern "{threads: 4, duration: $duration, period: 2ms, stall: 0.5}" -o short.cxlt
	cxlmemsim replay -f csv -t one.yaml -s 0 short.cxlt 2>&1 >/dev/null |
		grep -o '^.*threads that ran for less'
	echo "$duration: done"
done
