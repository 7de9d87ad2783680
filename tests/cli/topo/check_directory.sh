mkdir d; cxlmemsim topo check d
