echo old >a.cxlt; echo rest >a.cxlt.part
cxlmemsim record -S synth --pattern '{}' -o a.cxlt; echo $?; cat a.cxlt a.cxlt.part
