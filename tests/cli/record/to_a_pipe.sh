cxlmemsim record -q -S synth --pattern '{duration: 50ms, footprint: 1MiB}' -o /dev/stdout | cat >a.cxlt; cxlmemsim trace info a.cxlt | grep state
