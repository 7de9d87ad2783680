cxlmemsim replay -t one.yaml -o none/x w.cxlt; echo $?
cxlmemsim replay -t one.yaml -o . w.cxlt; echo $?
cp w.cxlt v; cxlmemsim replay -t one.yaml -o w.cxlt w.cxlt; echo $?; cmp v w.cxlt
cp one.yaml t; cxlmemsim replay -t one.yaml -o ./one.yaml w.cxlt; echo $?; cmp t one.yaml
[ ! -w /dev/full ] || cxlmemsim replay -t one.yaml -o /dev/full w.cxlt; echo $?
