# an exact recording is replayed request by request in any case
export PATH="$FAKE_VALGRIND:$PATH" CXMS_EXACT_DIR="$FAKE_VALGRIND"
cxlmemsim record -q -S exact --mem-latency 100ns --walk-latency 20ns -t one.yaml -o x.cxlt -- true
cxlmemsim replay -t one.yaml --engine epoch x.cxlt; echo $?
