cxlmemsim topo check none.yaml
