cxlmemsim topo show -o a.yaml two.yaml && cxlmemsim topo check a.yaml
