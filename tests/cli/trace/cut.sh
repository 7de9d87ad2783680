head -c 3000 w.cxlt >cut.cxlt; cxlmemsim trace info cut.cxlt | sed -n "/^state/p"
