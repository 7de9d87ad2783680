cxlmemsim trace info w.cxlt
