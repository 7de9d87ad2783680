echo old >a.cxlt; cxlmemsim record -S synth --pattern '{stall: 7, foo: 1}' -o a.cxlt; echo $?; ls a.cxlt*; cat a.cxlt
