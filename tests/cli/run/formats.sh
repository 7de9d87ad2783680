cxlmemsim -t one.yaml -f json -S synth --pattern '{duration: 200ms, threads: 2, footprint: 8MiB, stall: 0.5}' --mem-latency 100ns --walk-latency 20ns --llc-size 1MiB; echo $?
cxlmemsim -t one.yaml -f csv -S synth --pattern '{duration: 200ms, threads: 2, footprint: 8MiB, stall: 0.5}' --mem-latency 100ns --walk-latency 20ns --llc-size 1MiB; echo $?
cxlmemsim -t one.yaml --stdout -o x -S synth --pattern '{duration: 200ms, threads: 2, footprint: 8MiB, stall: 0.5}' --mem-latency 100ns --walk-latency 20ns --llc-size 1MiB; echo $?
cxlmemsim -q -t one.yaml --stdout -f csv -S synth --pattern '{duration: 200ms, threads: 2, footprint: 8MiB, stall: 0.5}' --mem-latency 100ns --walk-latency 20ns --llc-size 1MiB | head -n 1
cxlmemsim -t one.yaml --stdout -S synth --pattern '{duration: 200ms, threads: 2, footprint: 8MiB, stall: 0.5}' --mem-latency 100ns --walk-latency 20ns --llc-size 1MiB | grep ^trust | cut -c-40
