# Threads that end before their first sample are seen by none: warned of, but not where each has one.
for run in 'threads: 1, duration: 1ms' 'threads: 4, duration: 1ms' 'threads: 4, duration: 3ms'; do
	cxlmemsim record -q -S synth --mem-latency 100ns --walk-latency 20ns --llc-size 1MiB \
		--pattern "{$run, period: 2ms, stall: 0.5}" -o short.cxlt
	cxlmemsim replay -f csv -t one.yaml -s 0 short.cxlt 2>&1 >/dev/null |
		grep -o '[^ ]* % of the CPU time .* ran for less than [^,]*'
	echo "$run: done"
done
