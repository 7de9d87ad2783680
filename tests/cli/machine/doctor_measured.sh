# a kept measurement is shown, not repeated
mkdir .cache
cxlmemsim doctor --measure >a || exit 77
cxlmemsim doctor >b
grep -c 'not measured' b
grep 'memory latency' a >la
grep 'memory latency' b >lb
cmp la lb
