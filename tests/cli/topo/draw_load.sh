# loads of a result in the picture, the busiest server marked; both files must belong together
row() { echo "{\"topology\": 0, \"policy\": \"page-interleave\", \"split\": {\"asked_pct\": $1}, \"slowdown\": $2, \"binding\": \"mem0 link_up\", \"servers\": [
{\"name\": \"mem0\", \"part\": \"link_up\", \"utilization_ratio\": $3, \"read_bytes_per_s\": 2e10, \"write_bytes_per_s\": 1e9, \"wait_ns\": 5.5},
{\"name\": \"mem0\", \"part\": \"link_down\", \"utilization_ratio\": 0.2, \"read_bytes_per_s\": 2e10, \"write_bytes_per_s\": 1e9, \"wait_ns\": 5.5},
{\"name\": \"mem0\", \"part\": \"device\", \"utilization_ratio\": 0.7, \"read_bytes_per_s\": 2e10, \"write_bytes_per_s\": 1e9, \"wait_ns\": 41},
{\"name\": \"local\", \"part\": \"local\", \"utilization_ratio\": 0.05, \"read_bytes_per_s\": 1e10, \"write_bytes_per_s\": 0, \"wait_ns\": 0.5}]}"; }
result() { echo "{\"schema\": \"cxlmemsim-result-1\", \"topologies\": [{\"file\": \"one.yaml\", \"sha256\": \"$1\"}], \"results\": [$(row 0 1.9 0.91), $(row 50 1.3 0.5)]}"; }
result "$(sha256sum one.yaml | cut -d ' ' -f 1)" >r.json
result 1234 >other.json
cxlmemsim topo draw one.yaml --load r.json; echo $?
cxlmemsim topo draw one.yaml --load r.json --split 50; echo $?
cxlmemsim topo draw -f dot one.yaml --load r.json; echo $?
cxlmemsim topo draw -f svg one.yaml --load r.json | grep -c binding; echo $?
cxlmemsim topo draw one.yaml --load r.json --split 25; echo $?
cxlmemsim topo draw one.yaml --load r.json --split all; echo $?
cxlmemsim topo draw one.yaml --split 25; echo $?
cxlmemsim topo draw one.yaml --load other.json; echo $?
cxlmemsim topo draw one.yaml --load none.json; echo $?
cxlmemsim topo draw one.yaml --load one.yaml; echo $?
cxlmemsim topo draw one.yaml --load r.json -o r.json; echo $?
cxlmemsim topo show one.yaml --load r.json; echo $?
