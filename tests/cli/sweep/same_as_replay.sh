# each point is what a file with that value gives, byte by byte but for the key and the file's name
for v in 150ns 400ns; do
	sed "s/latency: 250ns/latency: $v/" one.yaml >v.yaml; cmp -s v.yaml one.yaml && echo "nothing replaced"
	cxlmemsim replay -q -t v.yaml -P page-interleave,hot-local -f csv w.cxlt | sed "1d; s/^v.yaml/$v,one.yaml/"
done >want
cxlmemsim sweep -q -t one.yaml --set devices.mem0.latency=150ns,400ns -P page-interleave,hot-local w.cxlt | sed 1d >got
cmp want got; wc -l <got
