cxlmemsim record -S synth --pattern '{threads: 2, duration: 50ms, footprint: 1MiB}' -o a.cxlt; ls *.cxlt*
