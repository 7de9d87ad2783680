cxlmemsim replay -t one.yaml -f json -o r.json w.cxlt
cxlmemsim diff r.json; echo $?
cxlmemsim diff r.json none.json; echo $?
cxlmemsim diff r.json one.yaml; echo $?
cxlmemsim diff -o r.json r.json r.json; echo $?
cxlmemsim diff r.json w.cxlt; echo $?
