cxlmemsim replay -t one.yaml -f json -o r.json w.cxlt
cxlmemsim report r.json >a; cxlmemsim replay -t one.yaml w.cxlt >b; head -n 3 a; grep -c . a >n; grep -c . b | cmp - n
# one that is marked is told by the exit code, whatever its form
sed 's/"status": "complete"/"status": "self_check_failed"/' r.json >bad.json
cxlmemsim report bad.json | grep -c 'A SELF-CHECK FAILED'
for f in text csv; do cxlmemsim report -f $f -o out bad.json; echo $?; done
