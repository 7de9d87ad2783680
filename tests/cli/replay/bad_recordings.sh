cxlmemsim replay -t one.yaml none.cxlt; echo $?
cxlmemsim replay -t one.yaml one.yaml; echo $?
: >empty; cxlmemsim replay -t one.yaml empty; echo $?
head -c 30 w.cxlt >short; cxlmemsim replay -t one.yaml short; echo $?
