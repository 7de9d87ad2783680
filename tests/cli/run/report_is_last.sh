# needs a source that can watch
cxlmemsim doctor | grep -qE '^ *(clock|ptrace)  *works' || exit 77
cxlmemsim -q --mem-latency 100ns --walk-latency 20ns --llc-size 1MiB -t one.yaml --stdout -f csv -s 50 -- sh -c 'i=0; while [ $i -lt 200000 ]; do i=$((i + 1)); done; echo first' | sed 's/^one.yaml.*/row/' 
