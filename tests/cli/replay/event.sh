# request by request: percentiles in every format, the same bytes for any -j, exactly 1 when all is local
cxlmemsim replay -t one.yaml -s 100,0 --engine event -f json w.cxlt >a
cxlmemsim replay -t one.yaml -s 100,0 --engine event -f json -j 4 w.cxlt >b; cmp a b
grep -E '"(engine|p50_ns|p99_ns|p999_ns|slowdown|status)":' a | grep -v '_lo\|_hi'
cxlmemsim replay -t one.yaml -s 0 --engine event w.cxlt | sed -n '/one by one/,/^$/p'
cxlmemsim topo draw --load a one.yaml | grep ' read, '
cxlmemsim report a | sed -n '/one by one/,/^$/p'
cxlmemsim replay -q -t one.yaml -s 0 --engine event -f csv w.cxlt | cut -d, -f3-6,20-
