# What the tool does where the kernel or a container refuses its means.
topology x2.yaml 100ns 200ns

if ! "$REFUSE" perf=EPERM -- true 2>err; then
	skip_row "refused" "$(cat err)"
	finish
fi

# run ROW WANTED WHY WORDS...: the tool behind refuse WORDS on a short program
run() {
	local row=$1 want=$2 why=$3
	shift 3
	"$REFUSE" "$@" -- "$CXMS" -t x2.yaml -f json -o r.json -- "$MB" compute --seconds 0.3 >out 2>err
	same "$row" $? "$want" "$why"
	flat r.json >r.flat
}

if "$CXMS" doctor | grep -q '^ *ptrace  *works'; then
	for error in EPERM EACCES ENOSYS; do
		run "perf refused with $error" 0 "ptrace does it instead" perf=$error
		same "perf refused with $error: source" "$(field r.flat source.name)" ptrace "the next best"
		says "perf refused with $error: told in JSON" r.flat \
			'source.reason=ptrace, because .*clock: .' \
			"the user learns who watches, and why not the better one"
		"$CXMS" report r.json >r.txt
		says "perf refused with $error: told in text" r.txt '\(ptrace, because' "the same"
	done
else
	skip_row "perf refused" "source ptrace does not work here, so there is nothing to fall back to"
fi
if [ "$SOURCE" = clock ]; then
	run "ptrace refused" 0 "clock does not need it" ptrace=EPERM
	same "ptrace refused: source" "$(field r.flat source.name)" clock "clock does not need it"
else
	skip_row "ptrace refused" "source clock does not work here"
fi

for error in EPERM ENOSYS; do
	rm -f ran r.json
	"$REFUSE" perf=$error ptrace=EPERM -- "$CXMS" -t x2.yaml -f json -o r.json -- touch ran >out 2>err
	same "both refused, perf with $error" $? 125 "a failure of the tool"
	says "both refused, perf with $error: message" err 'clock: .*; ptrace: ' "each with its reason"
	same "both refused, perf with $error: program" "$(ls ran 2>/dev/null)" "" "it was not started"
	same "both refused, perf with $error: report" "$(ls r.json 2>/dev/null)" "" "there is none"
done

rm -f ran
"$REFUSE" perf=EPERM -- "$CXMS" -S clock -t x2.yaml -f json -o r.json -- touch ran >out 2>err
same "clock asked for, perf refused" $? 125 "asked for by name, so no other source takes its place"
says "clock asked for, perf refused: message" err 'perf_event_open' "it names what is refused"
same "clock asked for, perf refused: program" "$(ls ran 2>/dev/null)" "" "it was not started"
"$REFUSE" perf=EPERM ptrace=EPERM -- "$CXMS" doctor >out 2>err
same "doctor with both refused" $? 3 "no source can watch a program"
says "doctor with both refused: clock" out '^ *clock +does not work: .*allow' "with a remedy"
says "doctor with both refused: ptrace" out '^ *ptrace +does not work: .*allow' "with a remedy"
