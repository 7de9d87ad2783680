#!/usr/bin/env bash
# Pages of the exact source: children that store to what they were forked with have pages of their own,
# and pages that are moved stay the same.
#
#   pages.sh BUILD SOURCE_DIR
#
# Exits 0, 1, or 77 = skipped, with the reason.
set -eu
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/../e2e/lib.sh"
exact_script "$@"

cat >t.yaml <<YAML
schema: 1
name: all behind CXL
host:
  local: {latency: 100ns, bandwidth: unlimited, capacity: 4GiB}
devices:
  mem0: {type: memdev, upstream: host, latency: 250ns, bandwidth: unlimited, capacity: 4GiB}
placement: {policy: page-interleave, splits: [0]}
YAML
# A child stores to a few pages of its stack and of libraries.
EACH=40

# pages WAY: touched, as the result has them; what the program expects is in more.txt
pages() {
	"$BUILD/cxlmemsim" record -q -S exact -t t.yaml --mem-latency 100ns --walk-latency 20ns -o p.cxlt -- "$BUILD/tests/pages" "$1" >more.txt
	"$BUILD/cxlmemsim" replay -q -t t.yaml -f json -o p.json p.cxlt
	awk -F '[:,]' '/"bytes":/ { n += $2 } END { print n / 4096 }' p.json
}

base=$(pages none)
for way in reads writes shares fresh moves reuses both; do
	n=$(($(pages $way) - base))
	more=$(cat more.txt)
	if [ $n -ge "$((more - EACH))" ] && [ $n -le $((more + 3 * EACH)) ]; then
		pass "pages, $way" "$n more, expected $more"
	else
		fail "pages, $way" "$n more, expected $more"
	fi
done
finish
