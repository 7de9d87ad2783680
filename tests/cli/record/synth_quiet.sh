cxlmemsim record -q -S synth --pattern '{duration: 50ms, footprint: 1MiB}' -o a.cxlt
