cxlmemsim replay w.cxlt
