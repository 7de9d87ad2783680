for s in clock ptrace; do
	cxlmemsim doctor | grep -q "$s *works" || exit 77
	cxlmemsim record --mem-latency 100ns --walk-latency 20ns --llc-size 1MiB -q -S $s -o $s.cxlt -- sh -c 'exit 3'; echo $?
	cxlmemsim trace info $s.cxlt | grep -o "^source *$s, "
done
