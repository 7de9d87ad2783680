# who takes the place of a recording while it is imported keeps it
mkdir root
$PERF_MAKE pipe >clock.data
{
	head -c 4096 clock.data
	for _ in $(seq 500); do [ -e a.cxlt ] && break; sleep 0.02; done
	echo other >other && mv other a.cxlt
	tail -c +4097 clock.data
} | cxlmemsim import -q --symfs root --mem-latency 100ns --walk-latency 20ns -o a.cxlt -
echo $?
cat a.cxlt
