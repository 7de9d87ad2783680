echo old >a.cxlt
cxlmemsim record -q -S synth --pattern '{duration: 50ms, footprint: 1MiB}' -o a.cxlt && cxlmemsim trace info a.cxlt | grep state; ls a.cxlt*
