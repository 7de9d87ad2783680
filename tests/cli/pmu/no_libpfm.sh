# a libpfm4 that cannot be loaded is told where it is missed; what others name is there without it
export CXMS_FSROOT=$MACHINES/spr
cxlmemsim list events | grep -q ' libpfm4 ' || exit 77
: >libpfm.so.4
export LD_LIBRARY_PATH=$PWD
cxlmemsim list events | awk '{ print $2 }' | sort -u
CXMS_PERF_DRY=1 cxlmemsim record -S pebs -e NO_SUCH.EVENT --mem-latency 100ns --walk-latency 20ns -- touch ran
echo $?
