# names of each machine, by who names them; libpfm4 may not be built in
for m in $MACHINES/*; do
	echo "== ${m##*/}"
	CXMS_FSROOT=$m cxlmemsim list events -q >names
	echo "exit $?"
	grep -v ' libpfm4 ' names
done
# a CPU that libpfm4 is told of elsewhere changes nothing
CXMS_FSROOT=$MACHINES/spr cxlmemsim list events -q >told
LIBPFM_FORCE_PMU=skx CXMS_FSROOT=$MACHINES/spr cxlmemsim list events -q | cmp - told
