# A step so short that the run has too many of them is made longer, and the report says so.
cxlmemsim record -q -S synth --pattern '{duration: 120s, period: 100ms, footprint: 1MiB}' -o long.cxlt
for e in 1ms 2ms; do cxlmemsim replay -q -t one.yaml -s 100 --epoch $e -f json long.cxlt | grep -A1 CXMS_W_EPOCH; echo $?; done
cxlmemsim replay -t one.yaml -s 100 --epoch 1ms long.cxlt 2>&1 | grep -A2 'too many steps'
