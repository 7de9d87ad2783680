cxlmemsim record -o none/x -- true; echo $?
cxlmemsim record -o . -- true; echo $?
cxlmemsim record -o - -- true; echo $?
cp one.yaml tool; cxlmemsim record -o tool -- ./tool; echo $?; cmp tool one.yaml
