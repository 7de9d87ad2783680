# Each key that a sampled recording uses changes the predicted time, and in the right direction: the
# values rise, and so must the time, or fall.
cat >t.yaml <<'Y'
schema: 1
host:
  local: {latency: 107ns, bandwidth: 100GB/s, tail: {p99: 10ns, p999: 20ns}}
  bridge: {bandwidth: 60GB/s}
devices:
  sw0: {type: switch, upstream: host, link: {gen: 5, width: 8}, latency: 90ns, bandwidth: 40GB/s}
  mem0: {type: memdev, upstream: sw0, link: {gen: 5, width: 8}, latency: 250ns, bandwidth: 26GB/s, capacity: 64GiB, tail: {p99: 10ns, p999: 20ns}}
  mem1: {type: memdev, upstream: sw0, link: {gen: 5, width: 8}, latency: 300ns, bandwidth: 13GB/s, capacity: 64GiB}
regions:
  - {name: a, targets: [mem0], weight: 1}
  - {name: b, targets: [mem1], weight: 1}
Y
cxlmemsim record -q -S synth --mem-latency 100ns --walk-latency 20ns --llc-size 1MiB -o p.cxlt --pattern \
	'{threads: 16, stall: 0.8, access: stream, page: 2MiB, footprint: 256MiB, duration: 40ms}'
# Streams are fetched ahead, so they take no miss registers of the first level.
cxlmemsim record -q -S synth --mem-latency 100ns --walk-latency 20ns --llc-size 1MiB -o q.cxlt --pattern \
	'{threads: 16, stall: 0.8, access: random, page: 2MiB, footprint: 256MiB, duration: 40ms}'
try() { # KEY=VALUES [RECORDING]
	case $1 in *l1d_mshrs*) of=q.cxlt ;; *) of=${2:-p.cxlt} ;; esac
	cxlmemsim sweep -q -t t.yaml -s 40 -f json --set "$1" $of | awk -v what="$1" '
		/"time_ns"/ { t = $2 + 0; up += n && t > last; down += n++ && t < last; last = t }
		END { print what, n < 2 ? "no times" : up == n - 1 ? "slower" : down == n - 1 ? "faster" : "neither" }'
}
m=devices.mem0
for e in host.cpu.l1d_mshrs=2,4 host.cpu.l2_mshrs=2,8 host.local.latency=90ns,120ns host.local.bandwidth=20GB/s,50GB/s host.local.tail.p99=10ns,20ns host.local.tail.p999=20ns,500ns \
	host.bridge.bandwidth=10GB/s,30GB/s \
	devices.sw0.latency=70ns,90ns devices.sw0.bandwidth=10GB/s,30GB/s devices.sw0.link.width=1,2,4 devices.sw0.link.gen=4,5 \
	$m.latency=200ns,300ns $m.bandwidth=5GB/s,10GB/s,26GB/s $m.tail.p99=5ns,20ns $m.tail.p999=20ns,500ns \
	$m.link.width=1,2,4 $m.link.gen=4,5 $m.link.latency=0ns,20ns $m.link.encoding=128b/130b,none $m.link.flit=68B,256B-lopt,256B; do
	try "$(echo "$e" | sed "s/\$m/$m/")"
done
try "$m.bandwidth={read: 5GB/s},{read: 10GB/s}"
try 'host.local.model={type: queue, channels: 1},{type: queue, channels: 8}'
try 'host.local.model=fixed,typical'
# what only writes meet
cxlmemsim record -q -S synth --mem-latency 100ns --walk-latency 20ns --llc-size 1MiB -o s.cxlt --pattern \
	'{threads: 16, stall: 0.8, stores: 0.5, access: random, page: 2MiB, footprint: 256MiB, duration: 40ms}'
for e in "$m.bandwidth={write: 1GB/s},{write: 2GB/s}" 'devices.sw0.bandwidth={write: 1GB/s},{write: 2GB/s}' \
	'host.local.bandwidth={write: 1GB/s},{write: 2GB/s}' "$m.model={type: queue, channels: 2, turnaround: 1ns},{type: queue, channels: 2, turnaround: 20ns}" \
	'host.local.model={type: queue, channels: 2, turnaround: 1ns},{type: queue, channels: 2, turnaround: 20ns}'; do
	try "$e" s.cxlt
done
try "$m.curve=mess-cxl-expander,emr-ddr5"
try "$m.extents=[{at: 0s, add: 1GiB}],[{at: 0s, add: 1GiB}, {at: 10ms, release: 1GiB}]"
try 'regions=[{name: a, targets: [mem0], weight: 3}, {name: b, targets: [mem1], weight: 1}],[{name: a, targets: [mem0], weight: 1}, {name: b, targets: [mem1], weight: 3}]'
for model in 'queue, channels: @' 'bank, channels: @' 'bank, dram: ddr4-2400, channels: 1, ranks: @' \
	'ssd, buffer: @MiB' 'ssd, buffer: 16MiB, fetch: @us' 'ssd, buffer: 16MiB, depth: @' 'ssd, buffer: 16MiB, depth: 1000, bandwidth: @GB/s' \
	'ssd, buffer: 16MiB, page: @KiB' 'far, buffer: @MiB' 'far, buffer: 16MiB, fault: @us' 'far, buffer: 16MiB, fetch: @us, depth: 1000'; do
	case $model in bank*) sed 's/bandwidth: 26GB.s, //' t.yaml >u.yaml && mv u.yaml t.yaml ;; esac
	try "$m.model={type: $(echo "$model" | sed 's/@/1/')},{type: $(echo "$model" | sed 's/@/4/')}"
done
