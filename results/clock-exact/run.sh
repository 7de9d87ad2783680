#!/usr/bin/env bash
# The sampled sources against the exact one: ten programs on this machine's caches, with memory on CXL
# at 2.5 times this machine's latency; and every program against itself, on a CXL device that is as
# fast as local memory.
#
#   run.sh BUILD [FOLDER]
#
# FOLDER (default: one named by today's date, beside this script) gets clock-exact.csv and README.md;
# why a row differs is told by explain.csv beside this script. Programs that the CSV has
# already are left as they are. Environment: ONLY (programs, by space), SOURCES (sampled ones, by space,
# default: clock ptrace), L1D, L2, LLC (sizes; default: those of the CPU, the LLC by the staircase of latencies), CLOCK_GHZ
# (default: by a chain of multiplications), ROUNDS (of sampled kernels, default 1: some ten seconds each).
# Needs a quiet machine, and about 40 minutes.
set -eu
export LC_ALL=C
if [ $# -lt 1 ] || [ $# -gt 2 ]; then
	sed -n '2,14s/^# \{0,1\}//p' "$0" >&2
	exit 2
fi
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
build=$(cd "$1" && pwd)
out=${2:-$here/$(date +%F)}
tool=$build/cxlmemsim
mb=$build/microbench/mb
load=$build/workloads
rounds=${ROUNDS:-1}
sources=${SOURCES:-clock ptrace}
for source in $sources; do
	[[ $source == clock || $source == ptrace ]] || { echo "clock-exact: '$source' of SOURCES is neither clock nor ptrace" >&2 && exit 2; }
done
work=$(mktemp -d "${TMPDIR:-/tmp}/cxlmemsim-clock-exact.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir -p "$out"
out=$(cd "$out" && pwd)
cd "$work"

# name | MiB it ranges over at random | function that opens the exact region, if any | sampled: so long that filling
# its memory counts little | exact: the same memory, fewer rounds
programs() {
	cat <<ROWS
chase-4k|256|mb_chase|$mb chase --size 256MiB --steps $((30000000 * rounds))|$mb chase --size 256MiB --steps 300000
chase-2m|256|mb_chase|$mb chase --size 256MiB --pages huge --steps $((30000000 * rounds))|$mb chase --size 256MiB --pages huge --steps 300000
gather|256|mb_gather|$mb gather --size 256MiB --steps $((200000000 * rounds))|$mb gather --size 256MiB --steps 2000000
stream|1|mb_stream|$mb stream --size 256MiB --steps $((64 * 33554432 * rounds))|$mb stream --size 256MiB --steps 33554432
loop|1|mb_stream|$mb loop --steps $((10000000000 * rounds))|$mb loop --steps 400000000
store|1|mb_store|$mb store --size 256MiB --steps $((32 * 33554432 * rounds))|$mb store --size 256MiB --steps 33554432
threads|256|mb_chase|$mb chase --size 256MiB --threads 2 --steps $((15000000 * rounds))|$mb chase --size 256MiB --threads 2 --steps 200000
sort|1||$load/sort -s 22 -n $((12 * rounds))|$load/sort -s 22 -n 1
hashjoin|64||$load/hashjoin -s 21 -n 4|$load/hashjoin -s 21 -n 1
graph|8||$load/graph -s 19 -n 10|$load/graph -s 19 -n 2
ROWS
}

# The machine, measured anew: on a shared one page walks drift with what the neighbours do.
measure() {
	export XDG_CACHE_HOME=$work/$1
	"$tool" record -q -S clock -o machine.cxlt -- "$mb" compute --steps 300000000 >machine.txt
	cache=$(ls "$XDG_CACHE_HOME"/cxlmemsim/machine-*.yaml)
}
# Its latency and its clock.
measure first
info=$("$tool" trace info machine.cxlt)
mem=$(sed -n 's/^memory .*latency \([0-9.]*\) ns.*/\1/p' <<<"$info")
cpu=$(sed -n 's/^cpu  *//p' <<<"$info")
# a multiplication and an addition, 3 and 1 cycles, one after the other
ghz=${CLOCK_GHZ:-$(sed -n 's/^CPU time  *user [^(]*(\([0-9]*\) ns).*/\1/p' <<<"$info" | awk '{ printf "%.2f", 4 * 3e8 / $1 }')}
# llc_kib CACHE: the most of a step that was found there: a step's latency lies between the last level's and memory's by the
# share that was not. Where three quarters were not, that is no more than the noise of a large step.
llc_kib() {
	awk -v mem="$mem" '
		/llc_latency_ps/ { low = $2 / 1000 }
		/bytes:/ {
			gsub("[{},]", "")
			found = (mem - $5 / 1000) / (mem - low)
			found = (found > 1) ? 1 : (found < 0.25) ? 0 : found
			if (found * $3 > size) size = found * $3
		}
		END { print int(size / 262144 + 0.5) * 256 }' "$1"
}
cpu_key() {
	sed -n "s/^$1[^:]*: *//p" /proc/cpuinfo | head -n 1
}
case $(cpu_key 'cpu family')-$(cpu_key vendor_id) in
26-AuthenticAMD) core='width: 8, rob: 448, l1d_mshrs: 24, l2_mshrs: 64' l1=48KiB ways=12 l2=1MiB walkers=16 ;; # Zen 5
25-AuthenticAMD)
	core='width: 6, rob: 256, l1d_mshrs: 24, l2_mshrs: 64' l1=32KiB ways=8 l2=512KiB walkers=6 # Zen 3
	case $(($(cpu_key 'model	') >> 4)) in                                                   # Zen 4
	1 | 6 | 7 | 10) core='width: 6, rob: 320, l1d_mshrs: 24, l2_mshrs: 64' l2=1MiB ;;
	esac
	;;
*) core='width: 6, rob: 512, l1d_mshrs: 16, l2_mshrs: 48' l1=48KiB ways=12 l2=2MiB walkers=4 ;; # Golden Cove
esac
# walk MIB PAGE CACHE: what a page walk adds there, in ps
walk() {
	awk -v bytes=$(($1 * 1048576)) -v key="$([ "$2" = 4KiB ] && echo walk_ps || echo huge_walk_ps)" '
		/bytes:/ { gsub("[{},]", ""); for (i = 1; i < NF; i++) if ($i == key ":") ps = $(i + 1); if ($3 >= bytes) exit }
		END { print (ps > 1) ? ps : 1 }' "$3"
}
# walks MIB PAGE NAME: the same by every measurement around the sampled runs, 'median lowest highest'. The exact source
# has one figure per program: walks drift within minutes, and one measurement may fall into a neighbour's burst.
walks() {
	for file in "$work/$3"-*/cxlmemsim/machine-*.yaml; do walk "$1" "$2" "$file"; done | sort -n |
		awk '{ ps[NR] = $1 } END { print (ps[int((NR + 1) / 2)] + ps[int((NR + 2) / 2)]) / 2, ps[1], ps[NR] }'
}
# hop: the same of the chase that was sampled, by its own stopwatch: its time a hop less the memory's. Each run has pages of
# its own, and a hop takes 180 to 225 ns by which they are
hop() {
	sed -n 's/^chase: .*, \([0-9.]*\) ns each.*/\1/p' program.txt |
		awk -v mem="$mem" '{ ps = ($1 > mem) ? 1000 * ($1 - mem) : 1; print ps, ps, ps }'
}
# llc NAME: the LLC's size by every measurement around the sampled runs, their median: the neighbours' part changes as well.
llc() {
	for file in "$work/$1"-*/cxlmemsim/machine-*.yaml; do llc_kib "$file"; done | sort -n |
		awk '{ kib[NR] = $1 } END { printf "%dKiB", kib[int((NR + 1) / 2)] }'
}
# one figure for all recordings, as it is printed
facts=(--mem-latency "${mem}ns")
far=$(awk -v m="$mem" 'BEGIN { printf "%.0f", 2.5 * m }')

# topology FILE LATENCY WALK LLC: all caches those of this machine
topology() {
	cat >"$1" <<YAML
schema: 1
host:
  cpu: {$core, frequency: ${ghz}GHz, cores: $(nproc)}
  caches:
    l1d: {size: ${L1D:-$l1}, ways: $ways, latency: 4cyc}
    l2: {size: ${L2:-$l2}, ways: 16, latency: 14cyc, prefetch: {type: stride, degree: 32, distance: 0}}
    llc: {size: $4, ways: 16, latency: 50cyc}
  tlb: {l1: 96, l2: 2048, page: 4KiB, walk: ${3}ps, walkers: $walkers} # a host may back huge pages by small ones
  local: {latency: auto, bandwidth: unlimited}
devices:
  mem0: {type: memdev, upstream: host, latency: ${2}ns, bandwidth: unlimited, capacity: 4096GiB}
YAML
}

# row RECORDING TOPOLOGY SPLIT: 'slowdown lo hi', of the time in user mode: the exact source sees no other. At the ends as
# well: what waits for CPUs that others have grows with it, the kernel's time and other waits stay
row() {
	"$tool" replay -q -t "$2" -s "100,$3" -f csv "$1" | awk -F, '
		NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
		{ taken = $at["cpu_taken_ns"]; kept = $at["kernel_ns"] + $at["blocked_ns"] - taken }
		{ user = $at["time_ns"] - kept - taken }
		NR == 2 { native = $at["time_ns"]; base = user; next }
		{ part = user / (user + taken) / base
		print user / base, ($at["slowdown_lo"] * native - kept) * part, ($at["slowdown_hi"] * native - kept) * part }'
}

# explain PROGRAM SOURCE: why it differs, as written down
explain() {
	awk -F'|' -v p="$1" -v s="$2" '$1 == p && ($2 == s || $2 == "any") { print $3; exit }' "$here/explain.csv"
}

csv=$out/clock-exact.csv
[ -e "$csv" ] || echo "program,source,local_pct,slowdown,slowdown_lo,slowdown_hi,exact,ratio,inside,within_10_pct,self,self_inside,walk_ns,walk_lo_ns,walk_hi_ns,llc" >"$csv"
programs | while IFS='|' read -r name mib begin sampled exact; do
	[ -z "${ONLY:-}" ] || [[ " $ONLY " == *" $name "* ]] || continue
	! grep -q "^$name," "$csv" || continue
	page=4KiB
	[[ $exact != *huge* ]] || page=2MiB
	measure "$name-0"
	unset own && declare -A own=()
	for source in $sources; do
		read -ra words <<<"$sampled"
		"$tool" record -q -S $source "${facts[@]}" -o $source.cxlt -- "${words[@]}" >program.txt 2>&1 ||
			{ echo "clock-exact: $name under $source: $(tail -n 1 program.txt)" >&2 && continue 2; }
		[[ $sampled != *" chase "* ]] || own[$source]=$(hop)
		measure "$name-$source"
	done
	size=${LLC:-$(llc "$name")}
	for source in $sources; do
		read -r walk_ps _ <<<"${own[$source]:-$(walks "$mib" $page "$name")}"
		topology far-$source.yaml "$far" "$walk_ps" "$size"
		topology self-$source.yaml "$mem" "$walk_ps" "$size"
	done
	read -ra words <<<"$exact"
	"$tool" record -q -S exact -t "far-$source.yaml" "${facts[@]}" ${begin:+--roi-begin "$begin"} -o exact.cxlt -- "${words[@]}" >program.txt 2>&1 ||
		{ echo "clock-exact: $name under exact: $(tail -n 1 program.txt)" >&2 && continue; }
	for source in $sources; do
		read -r walk_ps walk_lo walk_hi <<<"${own[$source]:-$(walks "$mib" $page "$name")}"
		read -r self self_lo self_hi <<<"$(row $source.cxlt self-$source.yaml 0)"
		for split in 0 50; do
			read -r x _ _ <<<"$(row exact.cxlt far-$source.yaml $split)"
			read -r s lo hi <<<"$(row $source.cxlt far-$source.yaml $split)"
			awk -v n="$name" -v src=$source -v k=$split -v s="$s" -v lo="$lo" -v hi="$hi" -v x="$x" \
				-v self="$self" -v sl="$self_lo" -v sh="$self_hi" -v llc="$size" -v w="$walk_ps" -v wl="$walk_lo" -v wh="$walk_hi" 'BEGIN {
				r = s / x
				printf("%s,%s,%s,%s,%s,%s,%s,%.4f,%s,%s,%s,%s,%.1f,%.1f,%.1f,%s\n", n, src, k, s, lo, hi, x, r,
					(x >= lo && x <= hi) ? "yes" : "no", (r >= 0.9 && r <= 1.1) ? "yes" : "no",
					self, (sl <= 1 && 1 <= sh) ? "yes" : "no", w / 1000, wl / 1000, wh / 1000, llc) }' >>"$csv"
		done
	done
done

state=
[ -z "$(git -C "$top" status --porcelain 2>/dev/null)" ] || state=", with changes"
{
	cat <<MD
# Sampled sources against the exact one

Slowdowns of the time in user mode with memory at $far ns, all of it on CXL (0 % local) or half, as sampling this machine tells them and
as the exact source simulates the same program on the same caches, with the median of the page walks (*walk*, ns, and the lowest and highest) measured before,
between and after the sampled runs, and the LLC's size (what a chase over each size found there); of chases, what a hop of the sampled run itself took beyond the memory, by the program's own stopwatch. *inside*: the sampled interval holds the exact slowdown. *self*: the slowdown on a CXL device as fast as
local memory, $mem ns, which is 1; *holds 1*: its interval does.

| | |
|---|---|
| command | \`results/clock-exact/run.sh BUILD\` |
| git | $(git -C "$top" rev-parse --short=12 HEAD 2>/dev/null || echo unknown)$state |
| host | $cpu, $(uname -sr), load $(cut -d' ' -f1 /proc/loadavg) at the end |
| machine | memory $mem ns, $ghz GHz |
| tools | $("$tool" --version | head -n 1), $(valgrind --version) |

| program | source | local | slowdown | interval | exact | ratio | inside | self | holds 1 | walk | LLC | why it differs |
|---|---|---|---|---|---|---|---|---|---|---|---|---|
MD
	tail -n +2 "$csv" | while IFS=, read -r name source split s lo hi x ratio inside near self holds walk walk_lo walk_hi size; do
		why=
		[ "$inside$near$holds" = yesyesyes ] || why=$(explain "$name" "$source")
		printf '| %s | %s | %s %% | %.3f | %.3f .. %.3f | %.3f | %.3f | %s | %.3f | %s | %.0f (%.0f .. %.0f) | %s | %s |\n' "$name" "$source" "$split" \
			"$s" "$lo" "$hi" "$x" "$ratio" "$inside" "$self" "$holds" "$walk" "$walk_lo" "$walk_hi" "$size" "$why"
	done
	echo
	awk -F, 'NR > 1 && $2 == "clock" && $3 == 0 { n++; both += $9 == "yes" && $10 == "yes"; self += $12 == "yes" }
		END { printf "clock, 0 %% local: %d of %d within 10 %% and inside the interval; %d of %d hold 1 on this machine itself.\n", both, n, self, n }' "$csv"
} >"$out/README.md"
tail -n 1 "$out/README.md"
