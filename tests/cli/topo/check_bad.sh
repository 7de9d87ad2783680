cxlmemsim topo check one.yaml bad.yaml cut.yaml
