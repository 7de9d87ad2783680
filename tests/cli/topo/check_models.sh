# mistakes in models, regions, weights and capacities, all at once
cat >models.yaml <<'Y'
schema: 1
host: {local: {latency: 107ns, model: ssd}, bridge: {bandwidth: 0GB/s}}
devices:
  a: {type: memdev, upstream: host, latency: 250ns, capacity: 1GiB, model: {type: bank, dram: ddr3}}
  b: {type: memdev, upstream: host, latency: 250ns, capacity: 2GiB, model: {type: ssd, buffer: 2GiB}, tail: {p99: 2ns, p999: 1ns}}
  c: {type: memdev, upstream: host, latency: 250ns, capacity: 1GiB, logical: [{host: x, capacity: 2GiB}], extents: [{at: 1s, release: 1GiB}]}
  d: {type: memdev, upstream: host, latency: 250ns, capacity: 1GiB}
regions: [{name: r, targets: [a, b, c]}]
placement: {weights: {local: 1, q: 1}}
Y
cxlmemsim topo check models.yaml
