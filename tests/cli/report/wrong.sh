cxlmemsim replay -t one.yaml -f json -o r.json w.cxlt
cxlmemsim report w.cxlt; echo $?
cxlmemsim report none.json; echo $?
cxlmemsim report one.yaml; echo $?
cxlmemsim report; echo $?
cxlmemsim report -f json r.json; echo $?
cp r.json s; cxlmemsim report -o r.json r.json; echo $?; cmp r.json s
head -c 2000 r.json >cut.json; cxlmemsim report cut.json; echo $?
sed 's/"topology": 0/"topology": 9/' r.json >t.json; cxlmemsim report t.json 2>e; echo $?; head -n 1 e | sed 's/.*: //' 
