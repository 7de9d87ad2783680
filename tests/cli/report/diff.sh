cxlmemsim replay -t one.yaml -f json -o r.json w.cxlt
cxlmemsim replay -t two.yaml -s 100,50,0 -f json -o s.json w.cxlt; cxlmemsim diff r.json s.json
