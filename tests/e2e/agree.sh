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
# What the time of a hop, which differs from run to run where others use the machine, makes of so many ns more.
by_hop() { # by_hop SOURCE NS
	sed -n 's/^chase: .* accesses, \([0-9.]*\) ns each.*/\1/p' "$1.out" | awk -v more="$2" '{ print 1 + more / $1 }'
}
agree() { # agree NAME TOPOLOGY SPLIT NS
	within "$1" "$(slowdown ptrace.csv "$2" "$3")" \
		"$(calc "$(slowdown clock.csv "$2" "$3") * $(by_hop ptrace "$4") / $(by_hop clock "$4")")" \
		10 "ptrace against clock, each by its own run's time of a hop"
}
agree "chase, all on CXL, x2" x2.yaml 0 100
agree "chase, half on CXL, x2" x2.yaml 50 50
agree "chase, all on CXL, x3" x3.yaml 0 200
agree "chase, half on CXL, x3" x3.yaml 50 100
