cxlmemsim replay -t pool.yaml --host a=w.cxlt --host b=w.cxlt -s 100,0
