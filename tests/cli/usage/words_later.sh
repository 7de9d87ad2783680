cxlmemsim trace pack; echo $?
for w in events devices; do cxlmemsim list $w; echo $?; done
