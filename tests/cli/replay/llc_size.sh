# a size of the LLC means the same whether record or replay is told it
plain() { cxlmemsim record -q -S synth --mem-latency 100ns --walk-latency 20ns --pattern "$(cat w.pattern)" "$@"; }
plain -o plain.cxlt && plain --llc-size 4MiB -o given.cxlt || exit 1
cxlmemsim replay -q -t one.yaml -f json --llc-size 4MiB plain.cxlt >now
cxlmemsim replay -q -t one.yaml -f json given.cxlt >then
cmp now then && echo 'recorded and replayed alike'
cxlmemsim replay -q -t one.yaml -f json --llc-size 4MiB given.cxlt | cmp - now && echo 'said twice alike'
cxlmemsim replay -q -t one.yaml -f json --llc-size 16MiB given.cxlt >other
cxlmemsim replay -q -t one.yaml -f json --llc-size 16MiB plain.cxlt | cmp - other && echo 'what replay is told goes before it'
cmp -s now other || echo 'and matters'
cxlmemsim trace info given.cxlt | grep '^caches'
cxlmemsim trace info plain.cxlt | grep '^caches'
