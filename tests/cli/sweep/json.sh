cxlmemsim sweep -q -t one.yaml -s 0 --set devices.mem0.latency=250ns,300ns -f json w.cxlt >s.json; sed -n '/^  "sweep"/,/^  }/p' s.json
# Each variant is a topology of its own: sha256 of "A B", of the file and of what was set.
sha() { sha256sum | cut -d ' ' -f 1; }
for v in 250ns 300ns; do
	grep -c "$(printf '%s %s' "$(sha <one.yaml)" "$(echo "devices.mem0.latency=$v" | sha)" | sha)" s.json
done
cxlmemsim topo draw --load s.json one.yaml
