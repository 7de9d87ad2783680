cat >r.yaml <<'YAML'
schema: 1
host: {local: {latency: 100ns, bandwidth: {read: 100GB/s, write: 100GB/s, total: 100GB/s}}}
devices:
  a: {type: memdev, upstream: host, latency: 250ns, bandwidth: unlimited, capacity: 1GiB}
  b: {type: memdev, upstream: host, latency: 250ns, bandwidth: unlimited, capacity: 1GiB}
regions: [{name: r, targets: [a, b]}]
YAML
cxlmemsim sweep -q -t r.yaml -s 0 --set 'regions.0.targets=[a, b],[b, a]' w.cxlt | sed 1d | cut -d'"' -f2
cxlmemsim sweep -q -t r.yaml -s 0 --set regions.1.name=x w.cxlt; echo $?
