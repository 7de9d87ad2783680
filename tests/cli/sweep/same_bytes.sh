for f in csv json; do
	for j in 1 2 7; do
		cxlmemsim sweep -q -j $j -f $f -t one.yaml -t two.yaml --set devices.mem0.latency=150ns..400ns/50ns --set host.cpu.l1d_mshrs=8,16 \
			-P hot-local,page-interleave -o $f.$j w.cxlt
	done
	cmp $f.1 $f.2; cmp $f.1 $f.7
done
wc -l <csv.1
