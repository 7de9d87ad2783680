[ -w /dev/full ] || exit 77
cxlmemsim record -S synth --pattern '{duration: 50ms, footprint: 1MiB}' -o /dev/full
