# events by the name anyone gives them: libpfm4's are written with a colon, and fit this kernel's format
try() {
	rm -f dump r.cxlt
	echo "== $1 $3"
	CXMS_FSROOT=$MACHINES/$1 CXMS_PERF_DRY=1 CXMS_PERF_ATTR_DUMP=dump cxlmemsim record -q --counters off -S $2 -o r.cxlt \
		-e "$3" --budget $4 --mem-latency 100ns --walk-latency 20ns -- true
	awk 'BEGIN { RS = ""; ORS = "\n\n" } !/type=1\n/' dump |
		grep '^type\|^config\|^sample_freq\|^precise' | sort -u
}
try emr pebs MEM_LOAD_L3_MISS_RETIRED.REMOTE_DRAM 1%
try emr pebs mem_load_l3_miss_retired:local_dram 1
try gnr pebs MEM_LOAD_RETIRED.LOCAL_CXL_MEM 0.1%
try gnr pebs cpu/event=0xd1,umask=0x80/,mem-loads 4%
try zen4 ibs ibs_op/l3missonly=1,cnt_ctl=1/ 25%
try zen5 ibs ibs_op/cnt_ctl,ldlat=128/ 2%
