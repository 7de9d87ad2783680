# what a recording of misses can be replayed with: no larger window; capacity and extents are told of
printf 'I  400000,4\n L 1000000,8\n L 1001000,8\n L 1002000,8\nI  400004,4\n S 1003000,8\n' >l.txt
sed 's/rob: 512/rob: 256/' one.yaml >small.yaml
cxlmemsim import -q --format lackey -t small.yaml -o p.cxlt l.txt
cxlmemsim replay -q -t small.yaml -s 0 -f csv p.cxlt | wc -l
cxlmemsim replay -q -t one.yaml -s 0 p.cxlt; echo $?
sed 's/capacity: 256GiB/extents: [{at: 1s, add: 512MiB}]/' small.yaml >later.yaml
cxlmemsim replay -q -t later.yaml -s 0 --explain p.cxlt | sed -n '/^ignored/,$p'
# 300 pages in a device of a MiB
awk 'BEGIN { for (i = 0; i < 300; i++) printf("I  400000,4\n L %x,8\n", 16777216 + 4096 * i) }' >m.txt
cxlmemsim import -q --format lackey -t small.yaml -o m.cxlt m.txt
sed 's/capacity: 256GiB/capacity: 1MiB/' small.yaml >tiny.yaml
cxlmemsim replay -q -t tiny.yaml -s 0 m.cxlt | grep -A1 'asked to hold'
