sed 's/policy: page-interleave/policy: page-interleaved/' one.yaml >p.yaml
cxlmemsim topo check p.yaml one.yaml
