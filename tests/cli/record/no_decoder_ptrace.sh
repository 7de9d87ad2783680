# source ptrace without a decoder says so as well, and makes no recording without addresses
cxlmemsim doctor | grep -q '^ *ptrace  *works' || exit 77
libs=$(PATH=$PATH:/sbin:/usr/sbin ldconfig -p 2>/dev/null | sed -En 's/^.*(libcapstone[.]so[.][0-9]+) .*$/\1/p')
[ -n "$libs" ] || exit 77
for lib in $libs; do
	: >"$lib"
done
LD_LIBRARY_PATH=$PWD cxlmemsim record -q -S ptrace --mem-latency 100ns --walk-latency 20ns -o new.cxlt -- sleep 0.1
