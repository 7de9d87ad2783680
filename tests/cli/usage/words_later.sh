cxlmemsim trace pack; echo $?
