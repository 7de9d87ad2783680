for o in '-j 0' '-j 9999' '--epoch 1us' '--epoch 20' '--seed -1' '--llc-size 1KiB' '--blocked maybe' '--engine fast' '-f xml' '--explain=yes'; do
	cxlmemsim replay -t one.yaml $o w.cxlt
	echo $?
done
for o in '--period 1us' '--period 2s' '--mem-latency 0ns' '--mem-latency 1ms' '--walk-latency fast' '--llc-size 2TiB'; do
	cxlmemsim record $o -o x.cxlt -- true
	echo $?
done
ls x.cxlt 2>/dev/null || true
