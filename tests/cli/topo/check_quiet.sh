cxlmemsim topo check -q one.yaml
