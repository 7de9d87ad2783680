cxlmemsim topo preset; echo $?
cxlmemsim trace pack; echo $?
for w in events devices presets; do cxlmemsim list $w; echo $?; done
