cp w.cxlt d.cxlt
printf 'XXXXXXXX' | dd of=d.cxlt bs=1 seek=2500 conv=notrunc status=none
cxlmemsim trace info d.cxlt | sed -n "/^state/p"
