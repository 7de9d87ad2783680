cxlmemsim topo draw -f png one.yaml
