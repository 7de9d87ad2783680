cxlmemsim topo draw --format svg --output a.svg two.yaml; head -c 4 a.svg; echo; tail -n 1 a.svg
