# an event that cannot be is named, with what would be: nothing starts
try() {
	CXMS_FSROOT=$MACHINES/$1 CXMS_PERF_DRY=1 cxlmemsim record -S $2 -e "$3" --mem-latency 100ns \
		--walk-latency 20ns -- touch ran
	echo $?
}
try emr pebs NO_SUCH.EVENT
try emr pebs mem-loads,cpu/event=0x1d1,umask=0x20/
try emr pebs 'cpu/event=0xd1,umask=0x10c8/'
try emr pebs cpu/event=0xd1,fancy=1/
try emr pebs cpu/event=seven/
try emr pebs cpu/config=0x100000000000000/
try emr pebs nopmu/event=1/
try spr pebs uncore_imc_0/event=5,umask=3/
try emr pebs cpu/event=1
try emr pebs ,
try emr pebs a,b,c
try emr ibs ibs_op//
try zen4 ibs ibs_op/ldlat=128/
try emr clock mem-loads
try emr synth mem-loads
ls ran 2>/dev/null || true
