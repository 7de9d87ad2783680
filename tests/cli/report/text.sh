cxlmemsim replay -t one.yaml -f json -o r.json w.cxlt
cxlmemsim report r.json >a; cxlmemsim replay -t one.yaml w.cxlt >b; head -n 3 a; grep -c . a >n; grep -c . b | cmp - n
