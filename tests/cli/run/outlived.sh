# A process that runs on when the program has ended: the report says how far it was seen, and that the
# native time has no part of it.
cxlmemsim doctor | grep -q '^  ptrace   works' || exit 77
for program in 'sleep 1 & sleep 0.1' 'sleep 1 & sleep 0.1; wait' 'sleep 0.1 &'; do
	echo "$program"
	cxlmemsim run -q -S ptrace --mem-latency 100ns --walk-latency 20ns -t one.yaml -s 0 -- sh -c "$program" 2>&1 | tr -s '\n ' ' ' |
		grep -o -e 'what ran on after its end was watched for [0-9.]* ms more' -e 'trust .* seen' \
			-e '1 process ran on.*foreground' |
		sed 's/; source.*/;/; s/for [0-9.]* ms/for N ms/'
done
