cxlmemsim replay -t one.yaml; echo $?; cxlmemsim replay -t one.yaml w.cxlt w.cxlt; echo $?
