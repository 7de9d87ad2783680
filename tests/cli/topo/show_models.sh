# every kind of memory, region and capacity, as it is in force
cat >models.yaml <<'Y'
schema: 1
host:
  cpu: auto
  caches: {l2: none}
  tlb: none
  local: {latency: 107ns, model: queue}
  bridge: {bandwidth: 300GB/s}
devices:
  flash: {type: memdev, upstream: host, latency: 400ns, capacity: 1TiB, model: {type: ssd, buffer: 16GiB}}
  bank0: {type: memdev, upstream: host, latency: 250ns, capacity: 64GiB, model: {type: bank, dram: ddr4-3200}, tail: {p99: 60ns, p999: 160ns}}
  bank1: {type: memdev, upstream: host, latency: 250ns, model: fixed, extents: [{at: 0s, add: 64GiB, host: a}, {at: 2s, release: 512MiB, host: a}], logical: [{host: a, capacity: 64GiB}]}
regions:
  - {name: pool, targets: [bank0, bank1], granularity: 256B}
  - {name: slow, targets: [flash]}
placement: {weights: {local: 5, pool: 2, slow: 1}}
Y
cxlmemsim topo show models.yaml | sed -n '/^  local:/,$p'
