cxlmemsim record -S synth --pattern '{stall: 7}' -o a.cxlt; echo $?; ls a.cxlt* 2>/dev/null || true
