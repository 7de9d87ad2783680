cxlmemsim replay -t one.yaml --timeline w.cxlt; echo $?
cxlmemsim record --repeat 3 -- true; echo $?
