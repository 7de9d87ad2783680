cxlmemsim topo draw -f dot two.yaml
