cxlmemsim replay w.cxlt -t
