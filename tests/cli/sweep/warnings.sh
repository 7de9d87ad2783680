# CSV has no place for them
cxlmemsim replay -t one.yaml -s 0 -f csv w.cxlt 2>&1 >/dev/null | cut -d: -f1,2 | sed 's/[0-9][0-9]*/N/'
cxlmemsim replay -q -t one.yaml -s 0 -f csv w.cxlt 2>&1 >/dev/null
cxlmemsim sweep -t one.yaml -s 0 --set devices.mem0.latency=250ns w.cxlt 2>&1 >/dev/null | cut -d: -f1,2 | sed 's/[0-9][0-9]*/N/'
