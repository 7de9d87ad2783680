: >empty.yaml; cxlmemsim topo check empty.yaml
