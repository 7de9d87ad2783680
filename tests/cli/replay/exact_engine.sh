# an exact recording is replayed request by request in any case
export PATH="$FAKE_VALGRIND:$PATH" CXMS_EXACT_DIR="$FAKE_VALGRIND"
cxlmemsim record -q -S exact --mem-latency 100ns --walk-latency 20ns -t one.yaml -o x.cxlt -- true
for o in '--engine epoch' '--epoch 20ms' '--blocked keep' '--llc-size 1MiB'; do
	cxlmemsim replay -t one.yaml $o x.cxlt; echo $?
done
cxlmemsim sweep -t one.yaml --set devices.mem0.latency=250ns --epoch 20ms x.cxlt; echo $?
cxlmemsim replay -t one.yaml --host a=w.cxlt --host b=x.cxlt; echo $?
for o in '--engine epoch' '--epoch 20ms' '--blocked keep'; do
	cxlmemsim -S exact -t one.yaml $o -- touch started; echo $?
done
ls started 2>/dev/null || true
