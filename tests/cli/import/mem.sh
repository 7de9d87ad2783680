# Sampled accesses keep their latency and level; counters what they grew by.
$PERF_MAKE mem | cat >mem.data
cxlmemsim import --mem-latency 100ns --walk-latency 20ns -o mem.cxlt mem.data
cxlmemsim trace dump mem.cxlt | head -24
