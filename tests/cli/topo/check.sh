cxlmemsim topo check one.yaml two.yaml
