command -v gnuplot >/dev/null || exit 77
plot() { "$SCRIPTS/plot_sweep.sh" "$@" 2>&1; }
cxlmemsim sweep -q -t one.yaml -s 50,0 --set devices.mem0.latency=200ns,1us --set 'devices.mem0.bandwidth={read: 5GB/s, write: 5GB/s, total: 8GB/s},unlimited' -o s.csv w.cxlt
plot s.csv; grep -o '>page-interleave, [^<]*' s.svg; grep -o 'devices.mem0.latency (ns)' s.svg
plot -k devices.mem0.bandwidth -o b.svg s.csv; grep -o '>page-interleave, [^<]*' b.svg; grep -o '>unlimited<' b.svg
plot -k nothing s.csv; echo $?
plot -o s.jpg s.csv; echo $?
plot none.csv; echo $?
echo a,b >other.csv; plot other.csv; echo $?
cxlmemsim replay -q -t one.yaml -f csv w.cxlt >r.csv; plot r.csv; echo $?
head -n 1 s.csv >head.csv; plot head.csv; echo $?
: >empty.csv; plot empty.csv; echo $?
# A limit of file sizes is as a full disk: told, and no half picture.
(trap '' XFSZ; ulimit -f 4; plot -o large.svg s.csv | grep -v '^cat: '; ls large.svg* 2>/dev/null)
plot -o none/x.svg s.csv | tail -n 1
