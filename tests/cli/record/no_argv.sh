cxlmemsim record -q --no-argv -S synth --pattern '{duration: 50ms, footprint: 1MiB}' -o a.cxlt; cxlmemsim trace info a.cxlt | head -n 1
