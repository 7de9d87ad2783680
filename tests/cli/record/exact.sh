# source exact, with a stand-in for valgrind: what is simulated stands in the recording
export PATH="$FAKE_VALGRIND:$PATH" CXMS_EXACT_DIR="$FAKE_VALGRIND"
mkdir tmp; export TMPDIR=$PWD/tmp
L='--mem-latency 100ns --walk-latency 20ns'
cxlmemsim record -S exact $L -t one.yaml --roi-begin f --roi-end g --exact-window 10k/2M -o x.cxlt -- \
	sh -c 'echo out; echo err >&2; exit 3' 2>err
echo $?
sed 's/[0-9]* B in/N B in/' err
cxlmemsim trace info x.cxlt | sed -n '/^source/,/^timed/p; /^  execs/,$p'
cxlmemsim trace dump x.cxlt | sed 's/^[0-9.]* [0-9]*/T P/; s/pid=[0-9]*/pid=N/; s/bytes=.*/bytes=N/'
od -A n -t u1 -j 8 -N 1 x.cxlt w.cxlt | sed 's/ *//'
cxlmemsim record -q -S exact $L -t one.yaml -o x.cxlt -- sh -c 'kill -KILL $$'; echo $?
FAKE_TOOL=noroi cxlmemsim record -S exact $L -t one.yaml --roi-begin f -o x.cxlt -- true 2>&1 | sed 's/[0-9]* B in/N B in/'
FAKE_TOOL=unknown cxlmemsim record -S exact $L -t one.yaml -o x.cxlt -- true 2>&1 | sed 's/[0-9]* B in/N B in/'
# one of no topology: an assumed host, and that is said
cxlmemsim record -S exact $L -o y.cxlt -- true 2>&1 | sed 's/[0-9.]* [KM]iB/N/g; s/(assumed)/(W)/g; s/(this machine.s)/(W)/g; s/[0-9]* B in/N B in/'
ls tmp # nothing is left
