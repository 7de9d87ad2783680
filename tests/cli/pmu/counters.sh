# Counters of five machines, in turns and all the time: which, and what is left out for want of
# registers; then what perf is asked for.
for m in skx icx spr gnr zen4; do
	rm -f dump
	echo "== $m"
	for mode in turns fit; do
		CXMS_FSROOT=$MACHINES/$m CXMS_PERF_DRY=1 CXMS_PERF_ATTR_DUMP=dump.$m cxlmemsim record -v -S clock -o r.cxlt \
			--counters $mode --mem-latency 100ns --walk-latency 20ns -- true 2>&1 |
			grep '^  cpu/'
		echo "$mode:"
		cxlmemsim trace dump r.cxlt 2>/dev/null | sed -n "s/.* counter id=\([0-9]*\) scope=thread unit=\([a-z]*\) name=/\1 \2 /p"
		rm -f r.cxlt
	done
done
# leaders are stopped until the program's exec, members follow them, threads and children are counted
awk 'BEGIN { RS = ""; ORS = "\n\n" } /type=4\n/ && !seen[$0]++' dump.icx | grep -v '^size='
