cxlmemsim replay --epcoh 20ms w.cxlt; echo $?
cxlmemsim --stduot -- true; echo $?
cxlmemsim replay -z w.cxlt; echo $?
cxlmemsim diff --timeline a b; echo $?
