# Melody (ASPLOS'25): CXL-A, 214 ns and 24 GB/s, is worse for bandwidth-bound programs than CXL-D,
# 239 ns and 52 GB/s, and better for those that wait for one line at a time.
slowdown() { # PRESET RECORDING
	printf 'schema: 1\nhost: {preset: spr}\ndevices:\n  m: {preset: %s, upstream: host}\n' $1 >t.yaml
	cxlmemsim replay -q -t t.yaml -s 0 -f csv $2 | awk -F, \
		'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "slowdown") at = i } NR == 2 { print $at }'
}
for pattern in '{threads: 1, stall: 0.8, access: chase, footprint: 256MiB, duration: 200ms}' \
	'{threads: 32, stall: 0.7, access: stream, footprint: 256MiB, duration: 100ms}'; do
	cxlmemsim record -q -S synth --mem-latency 117ns --walk-latency 20ns --llc-size 1MiB \
		--pattern "$pattern" -o p.cxlt
	echo "$(slowdown cxl-a p.cxlt) $(slowdown cxl-d p.cxlt)" |
		awk '{ print ($1 > 1.05 * $2 ? "cxl-a is worse" : $2 > 1.05 * $1 ? "cxl-d is worse" : "as good " $0) }'
done
