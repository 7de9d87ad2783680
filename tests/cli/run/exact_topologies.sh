# several topologies with source exact: one simulation serves all, so their caches must be the same
export PATH="$FAKE_VALGRIND:$PATH" CXMS_EXACT_DIR="$FAKE_VALGRIND"
try() {
	sed "$1" one.yaml >other.yaml
	cxlmemsim -S exact -t one.yaml -t other.yaml -- touch started
	echo $?
}
try 's/l2: {size: 2MiB/l2: {size: 1MiB/'
try 's/cores: 8/cores: 9/'
try 's/llc: {size: 1MiB, ways: 16/llc: {size: 1MiB, ways: 8/'
try 's/l1d: {size: 48KiB, ways: 12, latency: 5cyc/&, prefetch: stride/'
try 's/llc: {size: 1MiB, ways: 16/llc: {size: 2MiB, ways: 128/'
try 's/^  local/  tlb: none\n  local/'
cxlmemsim -S exact -t one.yaml --roi-end f --roi-begin f -- touch started; echo $?
cxlmemsim -t one.yaml --exact-window 1/2 -- touch started; echo $?
ls started 2>/dev/null || true
