# where it stands, and each file's errors
sed 's/policy: page-interleave/policy: page-interleaved/' one.yaml >policy.yaml
cxlmemsim replay -t policy.yaml -t one.yaml -t policy.yaml w.cxlt; echo $?
cxlmemsim sweep -t policy.yaml --set devices.mem0.latency=200ns w.cxlt; echo $?
