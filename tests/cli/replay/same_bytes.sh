cxlmemsim replay -t one.yaml -f json w.cxlt >a
cxlmemsim replay -t one.yaml -f json -j 7 w.cxlt >b; cmp a b
cxlmemsim replay -t one.yaml -f json --engine epoch --seed 1 w.cxlt >c; cmp a c
cxlmemsim replay -t one.yaml -f json --seed 2 w.cxlt >d; cmp -s a d; echo $?
many="-t one.yaml -t two.yaml -P hot-local,page-interleave -s 100,60,30,0 -f json"
for j in 1 2 7; do cxlmemsim replay $many -j $j w.cxlt >m$j; done; cmp m1 m2; cmp m1 m7
