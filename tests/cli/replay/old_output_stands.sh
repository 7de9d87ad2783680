echo old >a; cxlmemsim replay -t bad.yaml -o a w.cxlt 2>/dev/null; echo $?
cxlmemsim replay -t one.yaml -o a one.yaml 2>/dev/null; echo $?; cat a
