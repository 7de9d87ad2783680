cxlmemsim replay -q -t one.yaml -f csv -s 50 -P first-touch,hot-local -P cold-local w.cxlt >a
cxlmemsim replay -q -t one.yaml -f csv -s 50 -P first-touch -P hot-local,cold-local w.cxlt >b
cmp a b; cut -d, -f1-5 a
