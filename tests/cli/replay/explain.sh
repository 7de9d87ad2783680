cxlmemsim replay -t one.yaml --explain w.cxlt
