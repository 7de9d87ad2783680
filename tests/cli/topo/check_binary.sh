cxlmemsim topo check w.cxlt
