cxlmemsim topo; echo $?
cxlmemsim topo chek one.yaml; echo $?
cxlmemsim topo show; echo $?
cxlmemsim topo show one.yaml two.yaml; echo $?
cxlmemsim topo show -f dot one.yaml; echo $?
