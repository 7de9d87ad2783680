# Several recordings: each by itself, named in the first column; hosts: one set, as in replay.
cxlmemsim record -q -S synth --mem-latency 100ns --llc-size 1MiB -o u.cxlt --pattern '{duration: 40ms, stall: 0.9, footprint: 8MiB}'
sweep() { cxlmemsim sweep -q -t one.yaml -s 0 --set devices.mem0.latency=200ns,300ns "$@"; }
sweep w.cxlt u.cxlt | cut -d, -f1-5,8
sweep w.cxlt >w.csv
sweep u.cxlt >u.csv
sweep w.cxlt u.cxlt | sed 's/^[^,]*,//' >both.csv
{ cat w.csv; tail -n +2 u.csv; } | cmp - both.csv && echo the same as one by one
sweep --host a=w.cxlt --host b=u.cxlt | cut -d, -f1,2,7,21-
# replay of the second point
sed 's/^\(  mem0:.*latency: \)[0-9]*ns/\1300ns/' one.yaml >two.yaml
cxlmemsim replay -q -f csv -t two.yaml -s 0 --host a=w.cxlt --host b=u.cxlt | cut -d, -f6- | tail -n +2 >r
sweep --host a=w.cxlt --host b=u.cxlt | tail -n 3 | cut -d, -f7- | cmp - r && echo the same as replay
sweep -f json w.cxlt u.cxlt; echo $?
sweep --host a=w.cxlt u.cxlt; echo $?
