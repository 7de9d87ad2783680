cxlmemsim replay -q -t one.yaml -f csv -s 100,62.5,0 w.cxlt | cut -d, -f4
for s in 101 -5 50,,20 '' 1e2 0x10 nan '50%' 50.; do cxlmemsim replay -t one.yaml -s "$s" w.cxlt; echo $?; done
cxlmemsim replay -t one.yaml -s 50,20,50.0 w.cxlt; echo $?
cxlmemsim replay -t one.yaml -s "$(seq -s, 0 0.5 60)" w.cxlt; echo $?
