cxlmemsim replay -t one.yaml -o a.txt w.cxlt; cxlmemsim replay -t one.yaml w.cxlt >b.txt; cmp a.txt b.txt
cxlmemsim replay -t one.yaml -f json -o a.json w.cxlt; cxlmemsim replay -t one.yaml -f json -o /dev/stdout w.cxlt | cmp - a.json
