# what each machine would be asked for, and why what it cannot give is not; the tree of each says what
# it has. The size of the structure and of the rings are not ours.
for m in $MACHINES/*; do
	rm -f dump
	echo "== ${m##*/}"
	CXMS_FSROOT=$m CXMS_PERF_DRY=1 CXMS_PERF_ATTR_DUMP=dump cxlmemsim record -v -o r.cxlt \
		--mem-latency 100ns --walk-latency 20ns -- true 2>&1 |
		sed -n 's/^cxlmemsim: \(source\|warning:\)/\1/p'
	rm -f r.cxlt
	[ -e dump ] || continue
	# what clock opens is alike everywhere
	grep -v '^size=\|^wakeup_watermark=' dump |
		awk 'BEGIN { RS = ""; ORS = "\n\n" } !seen[$0]++ && !/^type=1\n/'
done
