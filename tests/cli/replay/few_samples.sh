# One sample says nothing of the rest, but no wait is longer than the slowest memory makes it: at most the 2.25 that all
# of the time in it gives, and once that on top of it.
cxlmemsim record -q -S synth --mem-latency 100ns --walk-latency 20ns --llc-size 1MiB \
	--pattern '{threads: 1, duration: 1ms, period: 1ms, stall: 0.5}' -o few.cxlt
cxlmemsim trace info few.cxlt | grep '^samples'
cxlmemsim replay -q -t one.yaml -s 0 -f csv few.cxlt | cut -d, -f6-9
