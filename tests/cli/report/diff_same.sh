cxlmemsim replay -t one.yaml -f json -o r.json w.cxlt
cxlmemsim diff r.json r.json -o a; tail -n 1 a
