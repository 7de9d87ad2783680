for h in w.cxlt =w.cxlt a= 'a b=w.cxlt' -x=w.cxlt a=none.cxlt a=one.yaml; do cxlmemsim replay -t one.yaml "--host=$h"; echo $?; done
cxlmemsim replay -t one.yaml --host a=w.cxlt w.cxlt; echo $?
cxlmemsim replay -t one.yaml --host a=w.cxlt --host a=w.cxlt; echo $?
cxlmemsim replay -t one.yaml --host a=w.cxlt -o w.cxlt; echo $?
