cxlmemsim topo check -o x one.yaml; echo $?
cxlmemsim topo check -f dot one.yaml; echo $?
