# what each machine would be asked for, and why what it cannot give is not; the tree of each says what
# it has. The size of the structure and of the rings are not ours, what a reading tells is asked of rings alone,
# and what clock opens is alike everywhere. Side by side, for they mostly wait.
cxlmemsim doctor | grep -q '^ *ptrace  *works' || exit 77
one() {
	mkdir "$1"
	CXMS_FSROOT=$MACHINES/$1 CXMS_PERF_DRY=1 CXMS_PERF_ATTR_DUMP=$1/dump cxlmemsim record -v --counters off \
		-o $1/r.cxlt --mem-latency 100ns --walk-latency 20ns -- true 2>&1 |
		sed -n 's/^cxlmemsim: \(source\|warning:\)/\1/p' >$1/said
}
for m in $MACHINES/*; do one ${m##*/} & done
wait
for m in $MACHINES/*; do
	m=${m##*/}
	echo "== $m"
	cat $m/said
	[ -e $m/dump ] || continue
	grep -v '^size=\|^wakeup_watermark=\|^read_format=' $m/dump |
		awk 'BEGIN { RS = ""; ORS = "\n\n" } !seen[$0]++ && !/^type=1\n/'
done
