cxlmemsim sweep -q -t one.yaml -s 0 --set devices.mem0.latency=250ns,300ns -f json w.cxlt | sed -n '/^  "sweep"/,/^  }/p'
