cxlmemsim replay -t one.yaml -f json w.cxlt >a
cxlmemsim replay -t one.yaml -f json -j 7 w.cxlt >b; cmp a b
cxlmemsim replay -t one.yaml -f json --engine epoch --seed 1 w.cxlt >c; cmp a c
cxlmemsim replay -t one.yaml -f json --seed 2 w.cxlt >d; cmp -s a d; echo $?
