P='{threads: 2, duration: 50ms, footprint: 1MiB, exact: false}'
cxlmemsim record -q -S synth --pattern "$P" -o a.cxlt
cxlmemsim record -q -S synth --pattern "$P" -o b.cxlt
cxlmemsim record -q -S synth --seed 2 --pattern "$P" -o c.cxlt
cmp a.cxlt b.cxlt; cmp -s a.cxlt c.cxlt; echo $?
