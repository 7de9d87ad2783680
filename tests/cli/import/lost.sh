# All events of a CPU write to one buffer. What it lost is told apart as perf says at the end, and otherwise by what
# came of each: lost page faults are no time on CPU.
mkdir root
{ head -c 64 /dev/zero; printf '\110\213\000\353\373'; } >root/code.bin
for form in clock lost; do
	$PERF_MAKE $form >$form.data
	cxlmemsim import --symfs root --mem-latency 100ns --walk-latency 20ns -o $form.cxlt $form.data
	cxlmemsim trace dump $form.cxlt | grep lost
	cxlmemsim trace info $form.cxlt | grep '^samples'
done
cxlmemsim replay -t one.yaml -s 100 lost.cxlt | grep -e '^native' -e '^memory' -e 'warning *lost'
