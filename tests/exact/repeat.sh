#!/usr/bin/env bash
# The same program, input and environment give the same recording but for process numbers, with
# several threads and on a busy machine too; and one recording gives the same report each time.
#
#   repeat.sh BUILD SOURCE_DIR
#
# Exits 0, 1, or 77 = skipped, with the reason.
set -eu
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/../e2e/lib.sh"
exact_script "$@"

cat >t.yaml <<YAML
schema: 1
name: small caches
host:
  cpu: {cores: 4}
  caches:
    l1d: {size: 16KiB, ways: 4, latency: 5cyc}
    l2: {size: 64KiB, ways: 8, latency: 14cyc, prefetch: {type: stride, degree: 4}}
    llc: {size: 256KiB, ways: 16, latency: 40cyc}
  local: {latency: 100ns, bandwidth: unlimited, capacity: 4GiB}
devices:
  mem0: {type: memdev, upstream: host, latency: 250ns, bandwidth: 16GB/s, capacity: 4GiB}
placement: {policy: page-interleave, splits: [100, 50, 0]}
YAML

# record FILE WORDS...
record() {
	"$BUILD/cxlmemsim" record -q -S exact -t t.yaml --mem-latency 100ns --walk-latency 20ns \
		-o "$1" -- "${@:2}" >/dev/null
}

# twice ROW WORDS...: messages of each process, in its own order
twice() {
	local i
	for i in 1 2; do
		record "$i.cxlt" "${@:2}"
		"$BUILD/tests/xtext" "$i.cxlt" | sort -s -k1,1 >"$i.txt"
	done
	if cmp 1.txt 2.txt >cmp.txt 2>&1 && [ -s 1.txt ]; then
		pass "$1: recorded twice" "$(wc -l <1.txt) messages are the same"
	else
		fail "$1: recorded twice" "$(cat cmp.txt)"
		diff 1.txt 2.txt | cut -c1-150 | head -n 6
	fi
	for i in 1 2; do
		"$BUILD/cxlmemsim" replay -q -t t.yaml -f json -o "$i.json" 1.cxlt
	done
	if cmp -s 1.json 2.json; then
		pass "$1: replayed twice" "$(wc -c <1.json) bytes are the same"
	else
		fail "$1: replayed twice" "the reports differ"
	fi
}

# thrice ROW WORDS...: the packets of one process with threads are the same bytes; the last time
# others want the CPUs.
thrice() {
	local i busy=
	for i in 1 2 3; do
		if [ "$i" = 3 ]; then
			(while :; do :; done) &
			busy=$!
		fi
		record "$i.cxlt" "${@:2}"
		"$BUILD/tests/xtext" -r "$i.cxlt" >"$i.raw"
	done
	kill "$busy"
	if [ -s 1.raw ] && cmp 1.raw 2.raw >cmp.txt 2>&1 && cmp 1.raw 3.raw >cmp.txt 2>&1; then
		pass "$1: recorded thrice" "$(wc -c <1.raw) bytes are the same"
	else
		fail "$1: recorded thrice" "$(cat cmp.txt)"
	fi
}

# Each length of the environment puts the program's strings at other addresses.
for pad in "" x xx xxx; do
	export CXMS_TEST_PAD=$pad
	twice "one thread, pad '$pad'" /bin/true
done
twice "fork and exec" sh -c '(exit 0); /bin/true'
thrice "threads that never meet" "$BUILD/tests/crew" alone 4
thrice "a pool that takes work" "$BUILD/tests/crew" pool 4
thrice "a pipe" "$BUILD/tests/crew" pipe 4
thrice "a barrier and a lock, 8 threads" "$BUILD/tests/crew" barrier 8
thrice "turns that are spun for" "$BUILD/tests/crew" spin 3
thrice "threads that end" "$BUILD/tests/crew" ends 3
thrice "a lock that is held for long" "$BUILD/tests/meet" locks 4 5000
thrice "short tasks" "$BUILD/tests/meet" tasks 4 5000
# What the tool reads of threads is among what these close, or cannot be opened at all.
for limit in 1024 256; do
	if (ulimit -n $limit && timeout 60 "$BUILD/cxlmemsim" record -q -S exact -t t.yaml --mem-latency 100ns \
		--walk-latency 20ns -o closes.cxlt -- "$BUILD/tests/crew" closes 4 >/dev/null); then
		pass "threads without descriptors, limit $limit" "they ended"
	else
		fail "threads without descriptors, limit $limit" "no end within 60 s, or an error"
	fi
done
finish
