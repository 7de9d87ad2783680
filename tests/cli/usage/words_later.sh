cxlmemsim trace pack; echo $?
for w in devices; do cxlmemsim list $w; echo $?; done
