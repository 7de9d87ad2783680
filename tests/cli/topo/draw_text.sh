cxlmemsim topo draw two.yaml
