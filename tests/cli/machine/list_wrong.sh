cxlmemsim list; echo $?
cxlmemsim list polices; echo $?
cxlmemsim list sources policies; echo $?
