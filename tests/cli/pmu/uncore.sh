# What is asked of caches, memory controllers and CXL ports and devices, and what is left out because
# the unit's format/ or the device does not have it. The size of the structure is not ours.
for m in icx emr spr gnr; do
	cp -r $MACHINES/$m $m
	echo 0 >$m/proc/sys/kernel/perf_event_paranoid # units count for the whole machine
	echo "== $m"
	CXMS_FSROOT=$PWD/$m CXMS_PERF_DRY=1 CXMS_PERF_ATTR_DUMP=$m/dump cxlmemsim record -v -S clock -o $m/r.cxlt \
		--counters fit --mem-latency 100ns --walk-latency 20ns -- true 2>&1 | grep '^  uncore_\|^  cxl_pmu'
	cxlmemsim trace dump $m/r.cxlt 2>/dev/null | sed -n "s/.* counter id=\([0-9]*\) scope=box unit=\([a-z]*\) name=/\1 \2 /p"
	grep -v '^size=' $m/dump | awk 'BEGIN { RS = ""; ORS = "\n\n" } !seen[$0]++ && !/^type=[14]\n/'
done
# in turns when asked: local memory, the other socket and CXL apart
CXMS_FSROOT=$PWD/spr CXMS_PERF_DRY=1 cxlmemsim record -q -S clock -o turns.cxlt --counters turns \
	--mem-latency 100ns --walk-latency 20ns -- true
cxlmemsim trace dump turns.cxlt | sed -n 's/.* scope=box .*uncore_cha_0.\(UNC[^/]*\).*/turns \1/p'
# a process without privileges counts the whole machine only at level 0
CXMS_FSROOT=$MACHINES/icx CXMS_PERF_DRY=1 cxlmemsim doctor | grep '^  uncore'
cp -r $MACHINES/icx one
echo 1 >one/proc/sys/kernel/perf_event_paranoid
CXMS_FSROOT=$PWD/one CXMS_PERF_DRY=1 cxlmemsim record -v -S clock -o one/r.cxlt --counters fit \
	--mem-latency 100ns --walk-latency 20ns -- true 2>&1 | grep 'no counters of caches'
