# A table from the JSON of a sweep is the sweep's own.
set -- -q -t one.yaml -s 100,0 --set 'devices.mem0.bandwidth=1GB/s,{read: 2GB/s, write: 1GB/s}' --set devices.mem0.latency=200ns,300ns w.cxlt
cxlmemsim sweep "$@" -f json -o s.json
cxlmemsim sweep "$@" -o s.csv
cxlmemsim report -f csv s.json | cmp - s.csv && head -n 1 s.csv | cut -d, -f1-4
sed '/"sweep": {/,/^  },/{/"keys": \[/,/\]/{/latency/d;s/"devices.mem0.bandwidth",/"devices.mem0.bandwidth"/}}' s.json >bad.json
cxlmemsim report -f csv bad.json 2>err; echo $?
sed 's/:[0-9]*:/:LINE:/' err
