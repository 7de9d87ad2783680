cp w.cxlt b; cxlmemsim trace dump -o w.cxlt w.cxlt; echo $?; cmp b w.cxlt
