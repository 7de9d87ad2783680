cxlmemsim replay -t one.yaml -o none/x w.cxlt; echo $?
cxlmemsim replay -t one.yaml -o . w.cxlt; echo $?
cp w.cxlt v; cxlmemsim replay -t one.yaml -o w.cxlt w.cxlt; echo $?; cmp v w.cxlt
cp one.yaml t; cxlmemsim replay -t one.yaml -o ./one.yaml w.cxlt; echo $?; cmp t one.yaml
[ ! -w /dev/full ] || cxlmemsim replay -t one.yaml -o /dev/full w.cxlt; echo $?
# a limit of file sizes is as a full disk: nothing half written is left, and nothing dies
(ulimit -f 1; cxlmemsim replay -t one.yaml -f json -o big.json w.cxlt; echo $?; ls -a | grep big.json) 2>&1 | cat
