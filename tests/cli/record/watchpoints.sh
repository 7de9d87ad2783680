# Asked for and not to be had: nothing is started, no file is left. In place of the kernel, one whose
# breakpoints open and never fire.
cxlmemsim doctor | grep -q '^ *ptrace  *works' || exit 77
one() { "$@"; echo "status $?"; }
export CXMS_FSROOT=$MACHINES/vm CXMS_PERF_DRY=1
R="cxlmemsim record --mem-latency 100ns --walk-latency 20ns -o a.cxlt --watchpoints"
one $R -S clock -- touch started
one $R -S synth --pattern '{duration: 1ms}'
one $R -S ptrace -- touch started
one cxlmemsim run -t one.yaml --watchpoints -S clock -- touch started
cxlmemsim doctor | sed -n '/^watchpoints/,/^machine/p'
CXMS_FSROOT=$MACHINES/denied cxlmemsim doctor | sed -n '/^watchpoints/,/^machine/p'
ls started a.cxlt 2>/dev/null || true
