cxlmemsim replay -t one.yaml -P first-tuch w.cxlt; echo $?
cxlmemsim replay -t one.yaml -P '' w.cxlt; echo $?
cxlmemsim replay -t one.yaml -P hot-local,hot-local w.cxlt; echo $?
