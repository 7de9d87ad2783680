for m in $MACHINES/*; do
	echo "== ${m##*/}"
	CXMS_FSROOT=$m CXMS_PERF_DRY=1 cxlmemsim doctor | sed -n '/^  pebs\|^  ibs\|^  clock\|^  cores/p'
done
