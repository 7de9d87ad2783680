# Without counters or a table: why, and what would help.
mkdir -p root/proc/sys/kernel
CXMS_FSROOT=$PWD/root cxlmemsim calibrate; echo "no counters: $?"
cxlmemsim calibrate --measured absent.csv; echo "absent: $?"
echo 'kernel,term' > bad.csv
cxlmemsim calibrate --measured bad.csv; echo "bad: $?"
cxlmemsim calibrate now; echo "word: $?"
cxlmemsim calibrate --slow-node far; echo "node: $?"
cxlmemsim calibrate --slow-node 1 --measured bad.csv; echo "both: $?"
ls .cache/cxlmemsim 2>/dev/null | grep -c calibration
:
