cxlmemsim trace dump w.cxlt | head -n 20
