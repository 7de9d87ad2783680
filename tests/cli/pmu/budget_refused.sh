for b in 0 0.05 26% 2%% x '' '%' -1 1e1; do cxlmemsim record --budget "$b" -- touch ran; echo $?; done
cxlmemsim record -S synth --pattern '{}' --budget 1%; echo $?
ls ran 2>/dev/null || true
