# What is complete of a cut file is imported, and the recording is cut as well; an old one is replaced.
$PERF_MAKE clock >clock.data
head -c 2500 clock.data >cut.data
$PERF_MAKE unended >unended.data
$PERF_MAKE packed | head -c 700 >packed.data
echo old >out.cxlt
for form in cut unended packed; do
	cxlmemsim import --mem-latency 100ns --walk-latency 20ns -o out.cxlt $form.data
	echo $?
	cxlmemsim trace info out.cxlt 2>/dev/null | sed -n '/^state/s/ at byte.*//p; /^samples/p'
done
ls out*
