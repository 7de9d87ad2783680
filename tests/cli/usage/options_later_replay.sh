cxlmemsim replay -t one.yaml --timeline w.cxlt; echo $?
cxlmemsim replay -t one.yaml --engine event w.cxlt; echo $?
cxlmemsim record --repeat 3 -- true; echo $?
