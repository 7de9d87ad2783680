cxlmemsim trace dump -o a w.cxlt; cxlmemsim trace dump w.cxlt >b; cmp a b
