# Without the program's file its samples stand: work, or waits at the upper end of the interval.
$PERF_MAKE clock >perf.data
mkdir nowhere
cxlmemsim import --mem-latency 100ns --walk-latency 20ns --llc-size 64KiB --symfs nowhere -o w.cxlt perf.data
cxlmemsim trace dump w.cxlt | grep site | head -3
cxlmemsim replay -q -t one.yaml -s 100,0 -f csv w.cxlt | cut -d, -f5-8
cxlmemsim replay -q -t one.yaml -s 0 -f json w.cxlt | grep -A1 UNREAD
