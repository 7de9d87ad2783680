# a capstone that is not the one that was built with is said at once, also where nothing is sampled
cxlmemsim doctor | grep -q '^ *clock  *works' || exit 77
command -v cc >/dev/null || exit 77
libs=$(PATH=$PATH:/sbin:/usr/sbin ldconfig -p 2>/dev/null | sed -En 's/^.*(libcapstone[.]so[.][0-9]+) .*$/\1/p')
[ -n "$libs" ] || exit 77
for lib in $libs; do
	echo | cc -shared -x c - -o "$lib" || exit 77
done
LD_LIBRARY_PATH=$PWD cxlmemsim record -q -S clock --period 1s --mem-latency 100ns --walk-latency 20ns -o new.cxlt -- sleep 0.1
