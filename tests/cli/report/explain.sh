cxlmemsim replay -t one.yaml -f json -o r.json w.cxlt
cxlmemsim report --explain -o a r.json; grep "^how" a
