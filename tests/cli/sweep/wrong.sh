try() { cxlmemsim sweep -q -t one.yaml w.cxlt "$@"; echo $?; }
try
try --set
for e in devices.mem0.latency =5 devices.mem0.latency=1ns,,2ns devices.mem0.latency=100ns..50ns/10ns devices.mem0.latency=100ns..200ns/0ns \
	devices.mem0.latency=100ns..200ns devices.mem0.latency=100ns..200us/1ns devices.mem0.latency=1ns..20000ns/1ns \
	devices.mem0.latency=250ns,250ns 'devices.mem0.bandwidth={read: 1GB/s' devices.mem0.latency=5xs \
	devices.mem9.latency=1ns devices.mem0.latency.x=1 devices..x=1 placement.splits=[1] placement.policy=hot-local name=x x-mine=1 \
	host.caches.l1d.size=24KiB host.caches.llc.size=30MiB host.cpu.rob=256 regions.0.name=x; do
	try --set "$e"
done
try --set devices.mem0.latencyy=1ns 2>&1 | cut -d";" -f1
try --set devices.mem0.latency=1us --set devices.mem0.latency=2us
try --set devices.mem0.bandwidth.read=1GB/s,2GB/s --set 'devices.mem0.bandwidth={read: 1GB/s}'
try --set devices.mem0.latency=1ns..200ns/1ns --set host.cpu.rob=1..100/1
try -s 0,1,2,3,4,5,6,7,8,9,10 --set devices.mem0.latency=1ns..9999ns/1ns
cxlmemsim sweep -t one.yaml --set devices.mem0.latency=1us; echo $?
cxlmemsim sweep --set devices.mem0.latency=1us w.cxlt; echo $?
cxlmemsim sweep -t one.yaml --set devices.mem0.latency=1us -o w.cxlt w.cxlt; echo $?
