# right by the schema, but nothing here models it: an error with its position, never silence
sed 's/capacity: 64GiB/capacity: 64GiB, curve: foo/' one.yaml >curve.yaml
cxlmemsim topo check curve.yaml; echo $?
cxlmemsim replay -t curve.yaml w.cxlt; echo $?
cxlmemsim -t curve.yaml -- touch started; echo $?
