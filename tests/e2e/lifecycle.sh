# How a program ends, and signals on the way: the tool's exit status is the program's.
topology x2.yaml 100ns 200ns

# ends ROW STATUS WHY WORDS...
ends() {
	local row=$1 want=$2 why=$3
	shift 3
	rm -f r.json
	cxms -q -t x2.yaml -f json -o r.json -- "$@" >out 2>err
	same "$row" "$?" "$want" "$why"
	if [ ! -s r.json ]; then
		fail "$row: report" "none was written: $(cat err)"
	fi
}

ends "exit at once" 0 "nothing to sample, but a report" /bin/true
ends "exit 3" 3 "exit status passes through" sh -c 'exit 3'
ends "exit 255" 255 "exit status passes through" sh -c 'exit 255'
ends "SIGKILL" 137 "128 + 9" sh -c 'kill -KILL $$'
ends "SIGSEGV" 139 "128 + 11" sh -c 'kill -SEGV $$'
ends "stopped and continued" 5 "job control of a child is not an end" \
	sh -c 'sh -c "kill -STOP \$\$; exit 5" & sleep 0.2; kill -CONT $!; wait $!'
ends "orphan" 4 "the program is over when its first process is" sh -c 'sleep 0.3 & exit 4'

cxms -q -t x2.yaml -- ./no-such-program >out 2>err
same "not found" $? 127 "as shells do"
: >no-program
cxms -q -t x2.yaml -- ./no-program >out 2>err
same "not executable" $? 126 "as shells do"

# A program that says when it is ready, waits, and tells which signal came.
cat >waits.sh <<'SH'
trap 'echo TERM; exit 7' TERM
trap 'echo INT; exit 9' INT
trap 'echo HUP; exit 11' HUP
echo ready
i=0
while [ $i -lt 100 ]; do sleep 0.05; i=$((i + 1)); done
echo nothing came
SH

# signalled ROW SIGNAL GROUP STATUS WHY WORDS...: GROUP = - sends it to the whole process group
signalled() {
	local row=$1 signal=$2 group=$3 want=$4 why=$5 pid i
	shift 5
	rm -f r.json out
	set -m # a process group of its own, as a shell at a terminal makes one
	# shellcheck disable=SC2086
	(exec $VIA "$CXMS" -q -t x2.yaml -f json -o r.json -- "$@") >out 2>err &
	pid=$!
	set +m
	for ((i = 0; i < 100; i++)); do
		grep -q ready out 2>/dev/null && break
		sleep 0.05
	done
	kill "-$signal" -- "$group$pid"
	wait "$pid"
	same "$row" "$?" "$want" "$why"
	if [ ! -s r.json ]; then
		fail "$row: report" "none was written: $(cat err)"
	fi
}

signalled "SIGTERM to the tool" TERM "" 7 "it reaches the program, which ends its own way" \
	sh waits.sh
says "SIGTERM to the tool: program" out '^TERM$' "the handler ran"
signalled "SIGHUP to the tool" HUP "" 11 "the same" sh waits.sh

# Ctrl-C typed at a terminal of its own: the kernel sends it to the whole foreground group.
typed() {
	local row=$1 want=$2 why=$3 i
	shift 3
	rm -f r.json out
	mkfifo keys
	set -m # else the shell starts it with SIGINT ignored
	# shellcheck disable=SC2086
	script -qec "exec $VIA '$CXMS' -q -t x2.yaml -f json -o r.json -- $*" /dev/null <keys >out 2>err &
	pid=$!
	set +m
	exec 3>keys
	for ((i = 0; i < 100; i++)); do
		grep -q ready out 2>/dev/null && break
		sleep 0.05
	done
	printf '\003' >&3
	wait "$pid"
	same "$row" "$?" "$want" "$why"
	exec 3>&-
	rm -f keys
	if [ ! -s r.json ]; then
		fail "$row: report" "none was written: $(cat err)"
	fi
}

typed "Ctrl-C" 9 "the group gets it; the tool waits for the program and reports" sh waits.sh
same "Ctrl-C: program" "$(grep -c INT out)" 1 "one signal, not one from the terminal and one passed on"
typed "Ctrl-C, no handler" 130 "128 + 2" sh -c "'echo ready; exec sleep 5'"
