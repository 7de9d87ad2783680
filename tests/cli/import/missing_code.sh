# Without the program's file its samples stand, unknown where they wait.
$PERF_MAKE clock >perf.data
cxlmemsim import --mem-latency 100ns --walk-latency 20ns --symfs nowhere -o w.cxlt perf.data
cxlmemsim trace dump w.cxlt | grep site | head -3
