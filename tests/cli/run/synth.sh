cxlmemsim -t one.yaml -s 100,0 -S synth --pattern '{duration: 200ms, threads: 2, footprint: 8MiB, stall: 0.5}' --mem-latency 100ns --walk-latency 20ns --llc-size 1MiB
