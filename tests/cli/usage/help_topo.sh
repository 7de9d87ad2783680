cxlmemsim help topo
