[ -w /dev/full ] || exit 77
$PERF_MAKE clock >clock.data
mkdir root
cxlmemsim import -q --symfs root --mem-latency 100ns --walk-latency 20ns -o /dev/full clock.data
