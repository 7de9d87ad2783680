cxlmemsim replay -t one.yaml w.cxlt
