# maps and lists are values too; what is not there yet is made
cxlmemsim sweep -q -t one.yaml -s 0 --set 'devices.mem0.bandwidth={read: 5GB/s, write: 5GB/s, total: 8GB/s},unlimited' w.cxlt | cut -d'"' -f2 | cut -d, -f1-3
cxlmemsim sweep -q -t one.yaml -s 0 --set devices.mem0.bandwidth.total=10GB/s..11GB/s/0.5GB/s w.cxlt | cut -d, -f1
