# Sampled accesses keep their latency and level; counters what they grew by.
$PERF_MAKE mem | cat >mem.data
cxlmemsim import --mem-latency 100ns --walk-latency 20ns -o mem.cxlt mem.data
cxlmemsim trace dump mem.cxlt | head -24
# counters that had a register half of the time count twice as much, and the recording says so
$PERF_MAKE turns >turns.data
cxlmemsim import -q --mem-latency 100ns --walk-latency 20ns -o turns.cxlt turns.data
# counters read as perf record {a,b}:S does, without times: of all the time since they were read last
$PERF_MAKE untimed >untimed.data
cxlmemsim import -q --mem-latency 100ns --walk-latency 20ns -o untimed.cxlt untimed.data
cxlmemsim trace dump untimed.cxlt | grep ' count ' | head -3
for t in mem turns untimed; do cxlmemsim trace info $t.cxlt | sed -n '/^counted/,$p'; done
# with the program's files, sites are those that a live recording would have; what the machine is like is
# assumed where it is not told, and so the recording and the report say
mkdir root
{ head -c 64 /dev/zero; printf '\110\213\000\353\373'; } >root/code.bin
cxlmemsim import --symfs root -o assumed.cxlt mem.data
cxlmemsim trace dump assumed.cxlt | grep ' site id='
cxlmemsim trace info assumed.cxlt | grep '^memory'
cxlmemsim replay -q -t one.yaml -s 100 assumed.cxlt | grep 'memory latency\|IMPORT_ASSUMED'
cxlmemsim replay -q -t one.yaml -s 100 -f json assumed.cxlt | grep -A3 'IMPORT_ASSUMED\|latency_given'
# what was taken and lost, of accesses too; and the same read back
cxlmemsim replay -q -t one.yaml -s 100 -f json -o mem.json mem.cxlt
cxlmemsim replay -q -t one.yaml -s 100 mem.cxlt | grep -A1 '^source'
cxlmemsim report mem.json | grep -A1 '^source'
grep accesses mem.json
