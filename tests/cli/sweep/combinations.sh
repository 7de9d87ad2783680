cxlmemsim sweep -q -t one.yaml --set devices.mem0.latency=200ns..300ns/50ns,1us --set host.cpu.l1d_mshrs=8,16 -s 50,0 w.cxlt | cut -d, -f1-6
