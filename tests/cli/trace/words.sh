cxlmemsim trace; echo $?
cxlmemsim trace inof w.cxlt; echo $?
cxlmemsim trace info; echo $?
cxlmemsim trace info a b; echo $?
