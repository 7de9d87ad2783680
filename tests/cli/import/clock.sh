# The same clock samples in each form of the file give the same recording, but for the host's facts.
mkdir root
{ head -c 64 /dev/zero; printf '\110\213\000\353\373'; } >root/code.bin
for form in clock intr pipe packed; do
	$PERF_MAKE $form >$form.data
	cxlmemsim import -q --symfs root --mem-latency 100ns --walk-latency 20ns -o $form.cxlt $form.data
	cxlmemsim trace dump $form.cxlt >$form.txt
done
cat clock.txt
cmp clock.txt intr.txt
cmp clock.txt pipe.txt
cmp clock.txt packed.txt
cxlmemsim import -q --symfs root -o stdin.cxlt - <pipe.data
cxlmemsim trace dump stdin.cxlt | cmp - clock.txt
cxlmemsim trace info clock.cxlt | sed '/^file/d; /^events/,$d'
cxlmemsim replay -q -t one.yaml -s 100,0 -f csv clock.cxlt | cut -d, -f1-6
# the size of its LLC is what the file names, of which the program had a part, or what it is said to have had
cxlmemsim import -q --symfs root --mem-latency 100ns --walk-latency 20ns --llc-size 2MiB -o said.cxlt clock.data
cxlmemsim trace info said.cxlt | grep '^caches'
