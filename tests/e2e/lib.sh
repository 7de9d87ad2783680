# What the end-to-end scripts share. The environment comes from run_e2e.sh: T (scratch), CXMS, MB,
# REFUSE (programs), VIA (words before the tool, so that perf is refused), SOURCE (clock, ptrace).

n_rows=0
n_failed=0
n_skipped=0

# The tool, with perf allowed or refused as the variant says. VIA is split into words on purpose.
# shellcheck disable=SC2086
cxms() {
	$VIA "$CXMS" "$@"
}

# pass|fail ROW DETAIL
pass() {
	n_rows=$((n_rows + 1))
	echo "ok      $1: $2"
}

fail() {
	n_rows=$((n_rows + 1))
	n_failed=$((n_failed + 1))
	echo "FAILED  $1: $2"
}

skip_row() {
	n_skipped=$((n_skipped + 1))
	echo "skipped $1: $2"
}

# needs_exact: ends the script as skipped where BUILD's tool has no source exact
needs_exact() {
	local state
	state=$("$BUILD/cxlmemsim" doctor 2>/dev/null | sed -n 's/^ *exact  *//p' | head -n 1)
	[[ $state == works* ]] || { echo "skipped: source exact here: ${state:-no answer from doctor}" && exit 77; }
}

# exact_script BUILD SOURCE_DIR: how scripts of tests/exact begin. Sets BUILD, and goes to a
# folder that is gone at the end. Ends the script as skipped where source exact does not work, with
# its head where the words are wrong.
exact_script() {
	[ $# -eq 2 ] || { sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0" >&2 && exit 2; }
	BUILD=$(realpath "$1")
	export LC_ALL=C TZ=UTC
	needs_exact
	work=$(mktemp -d "${TMPDIR:-/tmp}/cxlmemsim-$(basename "$0" .sh).XXXXXX")
	trap 'rm -rf "$work"' EXIT
	cd "$work"
	# Nothing is measured, here or by who used this machine before: scripts give what a recording needs.
	export HOME=$work/none
	unset XDG_CACHE_HOME
}

# finish: the verdict of the script
finish() {
	echo "$n_rows rows, $n_failed failed, $n_skipped skipped"
	[ $n_failed -eq 0 ] || exit 1
	[ $n_rows -gt 0 ] || exit 77
	exit 0
}

# in_range ROW VALUE LOW HIGH WHY
in_range() {
	if awk -v v="$2" -v lo="$3" -v hi="$4" \
		'BEGIN { exit !(v ~ /^[-+0-9.eE]+$/ && v + 0 >= lo + 0 && v + 0 <= hi + 0) }'; then
		pass "$1" "$2 in $3 .. $4 ($5)"
	else
		fail "$1" "'$2' is not in $3 .. $4 ($5)"
	fi
}

# within ROW VALUE WANTED PER_CENT WHY
within() {
	local bounds
	bounds=$(awk -v w="$3" -v p="$4" 'BEGIN { printf "%.6g %.6g", w * (1 - p / 100), w * (1 + p / 100) }')
	in_range "$1" "$2" "${bounds% *}" "${bounds#* }" "$3 +- $4 %: $5"
}

# same ROW VALUE WANTED WHY
same() {
	if [ "$2" = "$3" ]; then
		pass "$1" "'$2' ($4)"
	else
		fail "$1" "'$2', not '$3' ($4)"
	fi
}

# says ROW FILE PATTERN WHY: a line matches the extended regular expression
says() {
	if grep -Eq -- "$3" "$2"; then
		pass "$1" "says '$3' ($4)"
	else
		fail "$1" "nothing in it matches '$3' ($4)"
		sed 's/^/        got: /' "$2" | head -n 12
	fi
}

calc() {
	awk "BEGIN { printf \"%.6g\", $1 }"
}

# topology FILE LOCAL MEMDEV: one memdev on a root port; only latencies count
topology() {
	cat >"$1" <<YAML
schema: 1
name: direct memdev at $3 against $2
host:
  local: {latency: $2, bandwidth: unlimited, capacity: 64GiB}
devices:
  mem0: {type: memdev, upstream: host, latency: $3, bandwidth: unlimited, capacity: 256GiB}
placement: {policy: page-interleave, splits: [100, 50, 0]}
YAML
}

# slowdown CSV TOPOLOGY_FILE PER_CENT_LOCAL
slowdown() {
	awk -F, -v t="$2" -v s="$3" '$1 == t && $4 == s { print $6 }' "$1"
}

# flat JSON: one 'path=value' a line, as results[2].threads[0].tid=17, from JSON that has one key or
# element in each line
flat() {
	awk '
	function place(   p, i) {
		p = ""
		for (i = 1; i <= depth; i++)
			p = p (is_list[i] ? "[" at[i] "]" : (p == "" ? "" : ".") at[i])
		return p
	}
	{
		line = $0
		sub(/^ +/, "", line)
		sub(/,$/, "", line)
		if (line == "}" || line == "]") {
			depth--
			next
		}
		if (depth > 0 && is_list[depth])
			at[depth]++
		if (depth > 0 && !is_list[depth]) {
			end = index(line, "\": ")
			at[depth] = substr(line, 2, end - 2)
			line = substr(line, end + 3)
		}
		if (line == "{" || line == "[") {
			is_list[++depth] = line == "["
			at[depth] = -1
			next
		}
		gsub(/^"|"$/, "", line)
		print place() "=" line
	}' "$1"
}

# field FLAT PATH
field() {
	awk -v p="$2=" 'index($0, p) == 1 { print substr($0, length(p) + 1); exit }' "$1"
}

# thread_row FLAT RESULT TID: its place in the result's threads
thread_row() {
	sed -n "s/^results\[$2\]\.threads\[\([0-9]*\)\]\.tid=$3\$/\1/p" "$1" | head -n 1
}

# thread_slowdown FLAT RESULT TID
thread_slowdown() {
	local row
	row=$(thread_row "$1" "$2" "$3")
	[ -n "$row" ] && field "$1" "results[$2].threads[$row].slowdown"
}

# worker_tids OUTPUT: 'number tid' of each worker line that mb printed
worker_tids() {
	awk '$1 == "worker" { print $2, $4 }' "$1"
}

# Huge pages of the given memory, as the kernel gives them to mb now: sets huge_ok, huge_why. The
# first pages of a guest are slow to come by; what one run has freed, the next gets quickly.
try_huge() {
	local i out init mib
	for i in 1 2 3 4; do
		out=$("$MB" chase --size 256MiB --pages huge --steps 1)
		init=$(sed -n 's/^init \([0-9.]*\) s.*/\1/p' <<<"$out")
		mib=$(sed -n 's/.*on huge pages \([0-9.]*\) MiB.*/\1/p' <<<"$out")
		huge_why="mb got $mib MiB of 256 MiB on huge pages, in $init s"
		huge_ok=false
		awk -v m="$mib" 'BEGIN { exit !(m >= 250) }' || return 0
		huge_ok=true
		awk -v s="$init" 'BEGIN { exit !(s <= 0.15) }' && return 0
	done
	return 0
}
