# A process that runs on when the program has ended: the report says how far it was seen.
cxlmemsim doctor | grep -q '^  ptrace   works' || exit 77
for wait in '' '; wait'; do
	cxlmemsim run -q -S ptrace -t one.yaml -s 0 -- sh -c "sleep 1 & sleep 0.1$wait" 2>&1 |
		grep -o -e '^trust.* seen' -e '1 process ran on'
done
