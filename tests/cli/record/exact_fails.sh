# what can go wrong with valgrind and the tool, in words
L='--mem-latency 100ns --walk-latency 20ns -t one.yaml'
own=$PATH
PATH=$(dirname "$(command -v cxlmemsim)") cxlmemsim record -S exact $L -- /bin/true; echo $?
export PATH="$FAKE_VALGRIND:$PATH"
CXMS_EXACT_DIR=/nowhere cxlmemsim record -S exact $L -- true; echo $?
export CXMS_EXACT_DIR="$FAKE_VALGRIND"
cxlmemsim record -S exact $L -- /nowhere/program; echo $?
cxlmemsim record -S exact $L -- ./one.yaml; echo $?
printf '#! /no/such/shell -e\n' >script; chmod +x script; cxlmemsim record -S exact $L -- ./script; echo $?
TMPDIR=/nowhere cxlmemsim record -S exact $L -- true; echo $?
FAKE_TOOL=silent cxlmemsim record -S exact $L -- true; echo $?
ls cxlmemsim.cxlt 2>/dev/null || true
FAKE_TOOL=reject cxlmemsim record -S exact $L -- true; echo $?
FAKE_TOOL=garbage cxlmemsim record -S exact $L -- true 2>&1 | sed 's/process [0-9]*/process P/'
rm -f cxlmemsim.cxlt
FAKE_TOOL=badmsg cxlmemsim record -S exact $L -- true 2>&1 | sed 's/process [0-9]*/process P/'
