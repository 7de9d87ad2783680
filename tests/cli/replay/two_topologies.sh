cxlmemsim replay -q -t one.yaml -t two.yaml -f csv -s 100,40 w.cxlt
