# names of each machine, by who names them; libpfm4 may not be built in
for m in $MACHINES/*; do
	echo "== ${m##*/}"
	CXMS_FSROOT=$m cxlmemsim list events >names
	echo "exit $?"
	grep -v ' libpfm4 ' names
done
