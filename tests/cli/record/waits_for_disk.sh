# the end of the program is not held up by the disk, unless a recording that stands is given up
command -v strace >/dev/null || exit 77
export ASAN_OPTIONS=detect_leaks=0 # which does not work below strace
strace -qq -o calls true 2>/dev/null || exit 77
for n in 1 2; do
	strace -qq -e trace=fsync,rename -o calls cxlmemsim record -q -S synth --pattern '{stall: 0.6}' -o new.cxlt
	sed 's/(.*//' calls
	echo "recording $n"
done
