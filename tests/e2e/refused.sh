# What the tool does where the kernel or a container refuses its means.
topology x2.yaml 100ns 200ns
VIA=""

for error in EPERM EACCES ENOSYS; do
	"$REFUSE" perf=$error -- "$CXMS" -t x2.yaml -f json -o r.json -- "$MB" compute --seconds 0.3 \
		>out 2>err
	same "perf refused with $error" $? 0 "ptrace does it instead"
	flat r.json >r.flat
	same "perf refused with $error: source" "$(field r.flat source.name)" ptrace "the next best"
	says "perf refused with $error: told in JSON" r.flat "source.reason=ptrace, because clock: ." \
		"the user learns who watches, and why not the better one"
	cxms report r.json >r.txt
	says "perf refused with $error: told in text" r.txt "\\(ptrace, because" "the same"
done

"$REFUSE" ptrace=EPERM -- "$CXMS" -q -t x2.yaml -f json -o r.json -- "$MB" compute --seconds 0.3 \
	>out 2>err
status=$?
flat r.json >r.flat
if [ "$SOURCE" = clock ]; then
	same "ptrace refused" $status 0 "clock does not need it"
	same "ptrace refused: source" "$(field r.flat source.name)" clock "clock does not need it"
fi

for error in EPERM ENOSYS; do
	rm -f ran r.json
	"$REFUSE" perf=$error ptrace=EPERM -- "$CXMS" -t x2.yaml -f json -o r.json -- touch ran >out 2>err
	same "both refused, perf with $error" $? 125 "a failure of the tool"
	says "both refused, perf with $error: message" err 'clock: .*; ptrace: ' "each with its reason"
	same "both refused, perf with $error: program" "$(ls ran 2>/dev/null)" "" "it was not started"
	same "both refused, perf with $error: report" "$(ls r.json 2>/dev/null)" "" "there is none"
done

"$REFUSE" perf=EPERM -- "$CXMS" -S clock -t x2.yaml -f json -o r.json -- touch ran >out 2>err
same "clock asked for, perf refused" $? 125 "asked for by name, so no other source takes its place"
says "clock asked for, perf refused: message" err 'perf_event_open' "it names what is refused"
"$REFUSE" perf=EPERM ptrace=EPERM -- "$CXMS" doctor >out 2>err
same "doctor with both refused" $? 3 "no source can watch a program"
says "doctor with both refused: clock" out '^ *clock +does not work: .*allow' "with a remedy"
says "doctor with both refused: ptrace" out '^ *ptrace +does not work: .*allow' "with a remedy"
