# right by the schema, but nothing here models it: an error with its position, never silence
sed 's/line: 64B/line: 128B/' one.yaml >line.yaml
cxlmemsim topo check line.yaml; echo $?
cxlmemsim replay -t line.yaml w.cxlt; echo $?
cxlmemsim -t line.yaml -- touch started; echo $?
