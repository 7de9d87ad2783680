cxlmemsim replay -q -t pool.yaml --host a=w.cxlt --host b=w.cxlt -s 100,25 -f csv | cut -d, -f4-9,20-
# as the report of the JSON
cxlmemsim replay -t pool.yaml --host a=w.cxlt --host b=w.cxlt -s 30 -f json >r.json
cxlmemsim replay -q -t pool.yaml --host a=w.cxlt --host b=w.cxlt -s 30 -f csv >a; cxlmemsim report -f csv r.json | cmp - a
cxlmemsim replay -t pool.yaml --host a=w.cxlt --host b=w.cxlt -s 30 >a; cxlmemsim report r.json | cmp - a
# the order of hosts does not matter; one host is a plain replay
cxlmemsim replay -q -t pool.yaml --host x=w.cxlt -s 25 -f csv | sed -n 2p | cut -d, -f6-8 >a
cxlmemsim replay -q -t pool.yaml w.cxlt -s 25 -f csv | sed -n 2p | cut -d, -f6-8 | cmp - a
