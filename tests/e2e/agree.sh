# Two ways to watch the same program come to the same answer. Runs where both work.
topology x2.yaml 100ns 200ns
topology x3.yaml 100ns 300ns
VIA=""
why=$("$CXMS" doctor 2>/dev/null | sed -n 's/^ *ptrace  *//p' | head -n 1)
if [[ $why != works* ]]; then
	skip_row "agree" "source ptrace here: $why"
	finish
fi
for by in clock ptrace; do
	"$CXMS" record -q -S $by -o $by.cxlt -- "$MB" chase --size 256MiB --steps 28000000 >$by.out ||
		fail "$by" "could not be recorded"
	"$CXMS" replay -q -t x2.yaml -t x3.yaml -f csv -o $by.csv $by.cxlt
done
for x in x2 x3; do
	within "chase, all on CXL, $x" "$(slowdown ptrace.csv $x.yaml 0)" "$(slowdown clock.csv $x.yaml 0)" \
		10 "ptrace against clock"
	within "chase, half on CXL, $x" "$(slowdown ptrace.csv $x.yaml 50)" \
		"$(slowdown clock.csv $x.yaml 50)" 10 "ptrace against clock"
done
