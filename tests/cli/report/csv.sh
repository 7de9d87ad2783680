cxlmemsim replay -t one.yaml -f json -o r.json w.cxlt
cxlmemsim report -f csv r.json >a; cxlmemsim replay -q -t one.yaml -f csv w.cxlt | cmp - a
