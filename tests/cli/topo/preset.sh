# a preset is printed as it is; what is none lists those there are
cxlmemsim topo preset cxl-b; echo $?
cxlmemsim topo preset -o b.yaml cxl-b; cmp b.yaml "$(dirname "$0")/../../../cxltopo/presets/device/cxl-b.yaml"; echo $?
cxlmemsim topo preset; echo $?
cxlmemsim topo preset cxl-bb; echo $?
cxlmemsim topo preset cxl-a cxl-b; echo $?
cxlmemsim topo preset -f svg cxl-b; echo $?
cxlmemsim list presets | cut -c1-24
