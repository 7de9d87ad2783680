cxlmemsim record -S clok -- true; echo $?
for s in file; do cxlmemsim record -S $s -- true; echo $?; done
cxlmemsim record -S synth -- true; echo $?
cxlmemsim record -S synth; echo $?
cxlmemsim record --pattern '{}' -- true; echo $?
cxlmemsim record; echo $?
cxlmemsim record -S clock -o x.cxlt; echo $?
ls x.cxlt cxlmemsim.cxlt 2>/dev/null || true
