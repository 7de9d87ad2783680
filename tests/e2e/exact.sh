# Source exact, the real tool: the program's status, streams and signals are its own, all its
# processes and threads are followed, and the recording holds what was simulated.
topology x2.yaml 100ns 200ns
mkdir tmp
export TMPDIR=$PWD/tmp

# watch WORDS...: record, quietly
watch() {
	rm -f w.cxlt
	cxms record -q -S exact -t x2.yaml -o w.cxlt -- "$@"
}

# ends ROW STATUS WHY WORDS...
ends() {
	local row=$1 want=$2 why=$3
	shift 3
	watch "$@" >out 2>err
	same "$row" "$?" "$want" "$why"
	cxms trace info w.cxlt >info 2>&1
	says "$row: recording" info '^state +complete' "whatever the program did"
	says "$row: packets" info '^  packets +[1-9]' "it was seen"
}

ends "exit at once" 0 "nothing to do" /bin/true
ends "exit 3" 3 "exit status passes through" sh -c 'exit 3'
ends "exit 125" 125 "also where the tool's own would be the same" sh -c 'exit 125'
ends "SIGKILL" 137 "128 + 9" sh -c 'kill -KILL $$'
ends "SIGSEGV" 139 "128 + 11" sh -c 'kill -SEGV $$'
ends "orphan" 4 "the program is over when its first process is" sh -c 'sleep 0.3 & exit 4'
# runs_on ROW WORDS: a process that outlives the program executes others, and writes "done" into the file "late"
runs_on() {
	rm -f late
	ends "$1" 4 "the program is over when its first process is" sh -c "$2 & exit 4"
	for ((i = 0; i < 200; i++)); do
		grep -q done late 2>/dev/null && break
		sleep 0.05
	done
	same "$1: runs on" "$(cat late)" "done" "what it executes then finds neither us nor the folder of logs"
}
runs_on "orphan that executes while the program ends" "sh -c 'sleep 0.1; echo done >late'"
runs_on "orphan that executes later" "(sleep 1; /bin/echo done >late)"
ends "fork and exec" 0 "each process sends packets" sh -c '/bin/true; (exit 0); exec /bin/true'
cxms trace dump w.cxlt >dump 2>&1
same "fork and exec: processes" "$(sed -n 's/^exact pid=\([0-9]*\) .*/\1/p' dump | sort -u | wc -l)" 3 \
	"the shell and its two children"
says "fork and exec: exec" dump "exec name='/bin/true'|exec name='/usr/bin/true'" "the last image"
TMPDIR=tmp
ends "relative TMPDIR" 0 "the program may go elsewhere" sh -c 'cd / && exec /bin/true'
TMPDIR=$PWD/tmp
ends "threads" 0 "they run on simulated cores" "$MB" chase --size 64KiB --threads 3 --steps 1000
watch sh -c 'cat; echo err >&2' <<<"some input" >out 2>err
same "standard output" "$(cat out)" "some input" "what the program read and wrote"
same "standard error" "$(cat err)" "err" "nothing of Valgrind's"
watch sh -c 'echo "$PATH $# $0"' zero >out 2>err
same "environment" "$(cat out)" "$PATH 0 zero" "PATH and arguments pass through"

cxms record -q -S exact -t x2.yaml -o w.cxlt -- ./no-such-program >out 2>err
same "not found" $? 127 "as shells do"
: >no-program
cxms record -q -S exact -t x2.yaml -o w.cxlt -- ./no-program >out 2>err
same "not executable" $? 126 "as shells do"

same "threads: told of" "$(watch "$MB" chase --size 64KiB --threads 3 --steps 1000 >out 2>err
	cxms trace dump w.cxlt | grep -c '^[0-9.]* [0-9]*/[0-9]* fork')" 3 "each worker"

# a region of interest that nobody enters is warned of, and named
cxms record -S exact -t x2.yaml --roi-begin no_such_function -o r.cxlt -- /bin/true >out 2>err
same "region: status" $? 0 "the program ran"
says "region: warning" err "'no_such_function' was never entered" "it names the function"

# the whole way: a chase over memory that no cache holds waits for each hop, so it slows by the
# ratio of the latencies, less what a hop costs besides
cat >small.yaml <<YAML
schema: 1
name: small caches
host:
  cpu: {cores: 2}
  caches:
    l1d: {size: 32KiB, ways: 8, latency: 4cyc}
    l2: none
    llc: {size: 1MiB, ways: 16, latency: 40cyc}
  tlb: none
  local: {latency: 100ns, bandwidth: unlimited, capacity: 64GiB}
devices:
  mem0: {type: memdev, upstream: host, latency: 250ns, bandwidth: unlimited, capacity: 256GiB}
placement: {policy: page-interleave, splits: [100, 50, 0]}
YAML
for threads in 1 2; do
	row="chase, $threads threads"
	cxms -q -S exact -t small.yaml --roi-begin mb_chase -f csv -o r.csv --save c.cxlt -- \
		"$MB" chase --size 16MiB --threads $threads --steps 20000 >out 2>err
	same "$row: status" $? 0 "a report was written"
	same "$row: all local" "$(slowdown r.csv small.yaml 100)" 1 "one model against itself"
	within "$row: all on CXL" "$(slowdown r.csv small.yaml 0)" 2.5 2 "250 ns against 100 ns"
	cxms replay -q -t small.yaml -f csv -o again.csv c.cxlt
	same "$row: replayed" "$(cat again.csv)" "$(cat r.csv)" "the same recording"
done
sed 's/size: 1MiB/size: 2MiB/' small.yaml >other.yaml
cxms replay -t other.yaml c.cxlt >out 2>err
same "other caches" $? 2 "they were simulated while the program ran"
says "other caches: reason" err "host.caches.llc.size" "the first key that differs"

# what Valgrind cannot give the program, and what became of who could not tell, is said
# warns ROW STATUS WHY PATTERN WORDS...
warns() {
	local row=$1 want=$2 why=$3 pattern=$4
	shift 4
	cxms record -S exact -t x2.yaml -o w.cxlt -- "$@" >out 2>err
	same "$row: status" $? "$want" "as without us"
	says "$row: warning" err "$pattern" "$why"
}
warns "killed child" 3 "its last steps are missing" "1 process ended before .* its totals" \
	sh -c 'while :; do :; done & kill -KILL $!; exit 3'
warns "seccomp" 4 "the filter holds for Valgrind, too" "limits its system calls" \
	"$REFUSE" perf=EPERM -- sh -c 'exit 4'
cxms record -S exact -t x2.yaml -o w.cxlt -- "$MB" chase --size 64GiB --steps 10 >out 2>err
says "64 GiB" err "refused 64 GiB of address space" "Valgrind has less of it"

# a signal sent to the tool reaches the program
cat >waits.sh <<'SH'
trap 'echo TERM; exit 7' TERM
echo ready
i=0
while [ $i -lt 200 ]; do sleep 0.05; i=$((i + 1)); done
SH
rm -f out s.cxlt
# shellcheck disable=SC2086
(exec $VIA "$CXMS" record -q -S exact -t x2.yaml -o s.cxlt -- sh waits.sh) >out 2>err &
pid=$!
for ((i = 0; i < 200; i++)); do
	grep -q ready out 2>/dev/null && break
	sleep 0.05
done
kill -TERM "$pid"
wait "$pid"
same "SIGTERM to the tool" "$?" 7 "it reaches the program, which ends its own way"
same "SIGTERM to the tool: program" "$(tail -n 1 out)" TERM "the handler ran"
same "left behind" "$(ls tmp)" "" "the folder of logs is gone"
