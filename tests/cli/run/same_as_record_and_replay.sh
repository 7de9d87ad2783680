cxlmemsim run -t one.yaml -f json -o a.json --save w2.cxlt -S synth --pattern '{duration: 200ms, threads: 2, footprint: 8MiB, stall: 0.5}' --mem-latency 100ns --walk-latency 20ns --llc-size 1MiB
cxlmemsim replay -t one.yaml -f json -o b.json --llc-size 1MiB w2.cxlt
cmp a.json b.json
