#!/usr/bin/env bash
# What the exact source promises for every program of one thread: everything local is slowdown 1, and
# more latency, less bandwidth or another switch is never faster.
#
#   order.sh BUILD SOURCE_DIR
#
# Exits 0, 1, or 77 = skipped, with the reason.
set -eu
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/../e2e/lib.sh"
exact_script "$@"

# A request is as often dispatched a cycle later or earlier as its neighbours let it: less than this.
SLACK_PCT=0.5

# machine FILE LATENCY_NS BANDWIDTH SWITCHES: small caches, so that small programs miss
machine() {
	local upstream=host i
	cat >"$1" <<YAML
schema: 1
name: memdev of $2 ns and $3 behind $4 switches
host:
  cpu: {frequency: 3GHz, cores: 4, width: 6, uops: fused, rob: 224, load_queue: 72, store_queue: 56, l1d_mshrs: 12, l2_mshrs: 32}
  caches:
    l1d: {size: 16KiB, ways: 4, latency: 5cyc}
    l2: {size: 64KiB, ways: 8, latency: 14cyc, prefetch: {type: stride, degree: 4}}
    llc: {size: 256KiB, ways: 16, latency: 40cyc}
  tlb: {l1: 64, l2: 1024, page: 4KiB, walk: 20ns}
  local: {latency: 100ns, bandwidth: 100GB/s, capacity: 4GiB}
devices:
YAML
	for ((i = 0; i < $4; i++)); do
		echo "  sw$i: {type: switch, upstream: $upstream, latency: 70ns}" >>"$1"
		upstream=sw$i
	done
	cat >>"$1" <<YAML
  mem0: {type: memdev, upstream: $upstream, latency: $2ns, bandwidth: $3, capacity: 4GiB}
placement: {policy: page-interleave, splits: [100, 50, 0]}
YAML
}

# record FILE WORDS...
record() {
	"$BUILD/cxlmemsim" record -q -S exact -t record.yaml --mem-latency 100ns --walk-latency 20ns \
		-o "$1" -- "${@:2}" >/dev/null
}

latencies=(120 250 600)
bandwidths=(unlimited 16GB/s 2GB/s)
machine record.yaml 250 unlimited 0
machines=()
for l in 0 1 2; do
	for b in 0 1 2; do
		for s in 0 1 2; do
			machine "$l$b$s.yaml" "${latencies[l]}" "${bandwidths[b]}" "$s"
			machines+=(-t "$l$b$s.yaml")
		done
	done
done

# ordered ROW WORDS...: over all machines, each against those that are worse in one thing
ordered() {
	record o.cxlt "${@:2}"
	"$BUILD/cxlmemsim" replay -q "${machines[@]}" -f csv -o o.csv o.cxlt
	awk -F, -v slack=$SLACK_PCT '
	FNR > 1 {
		slowdown[substr($1, 1, 3), $4] = $6
		if ($4 == 100 && $6 != 1)
			print "everything local in " $2 ": slowdown " $6
		if (name[substr($1, 1, 3)] == "")
			name[substr($1, 1, 3)] = $2
	}
	function compare(better, worse, split_,   was, is) {
		was = slowdown[better, split_]
		is = slowdown[worse, split_]
		n++
		if (was == "" || is == "" || is < was * (1 - slack / 100))
			print name[worse] ", " split_ " % local: slowdown " is ", but " was " with " name[better]
	}
	END {
		for (i = 0; i < 27; i++) {
			at[1] = int(i / 9); at[2] = int(i / 3) % 3; at[3] = i % 3
			here = at[1] at[2] at[3]
			for (k = 1; k <= 3; k++) {
				if (at[k] == 2)
					continue
				at[k]++
				compare(here, at[1] at[2] at[3], 50)
				compare(here, at[1] at[2] at[3], 0)
				at[k]--
			}
		}
		if (n != 108)
			print n " comparisons"
	}' o.csv >wrong
	if [ ! -s wrong ]; then
		pass "$1: ordered" "108 comparisons of 27 machines; slowdown $(slowdown o.csv 222.yaml 0) at the worst"
	else
		fail "$1: ordered" "$(wc -l <wrong) comparisons"
		sed 's/^/        /' wrong | head -n 12
	fi
}

ordered "chase" "$BUILD/microbench/mb" chase --size 1MiB --steps 20000
ordered "gather" "$BUILD/microbench/mb" gather --size 1MiB --steps 40000
ordered "stream" "$BUILD/microbench/mb" stream --size 1MiB --steps 300000
ordered "store" "$BUILD/microbench/mb" store --size 1MiB --steps 300000
ordered "hash join" "$BUILD/workloads/hashjoin" -s 13
finish
