cxlmemsim topo show one.yaml
