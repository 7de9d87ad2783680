#!/usr/bin/env bash
# Draws the slowdown over a swept key from the CSV of cxlmemsim sweep: a line with its interval for each
# policy, split and combination of the other keys.
#
#   plot_sweep.sh [-k KEY] [-o PICTURE] SWEEP.csv
#
# KEY: a column of the sweep (default: the first). PICTURE: .svg, .png or .pdf (default: SWEEP.svg beside
# the CSV). Values with units are drawn in the base unit (ns, bytes, GB/s, GHz); others, such as maps,
# as they are, one beside the other.
set -eu

die() {
	echo "plot_sweep: $1" >&2
	exit 2
}

key= out=
while getopts k:o: option; do
	case $option in
	k) key=$OPTARG ;;
	o) out=$OPTARG ;;
	*)
		sed -n '2,9s/^# \{0,1\}//p' "$0" >&2
		exit 2
		;;
	esac
done
shift $((OPTIND - 1))
[ $# -eq 1 ] || die "give one CSV file, got $#; see the head of the script"
csv=$1
[ -r "$csv" ] || die "cannot read '$csv'"
command -v gnuplot >/dev/null || die "gnuplot is not there; install the package gnuplot-nox"
out=${out:-${csv%.csv}.svg}
case $out in
*.svg) terminal='svg size 900,560 dynamic enhanced background rgb "white"' ;;
*.png) terminal='pngcairo size 900,560 enhanced' ;;
*.pdf) terminal='pdfcairo size 9in,5.6in enhanced' ;;
*) die "'$out' must end in .svg, .png or .pdf" ;;
esac
work=$(mktemp -d "${TMPDIR:-/tmp}/cxlmemsim-plot.XXXXXX")
trap 'rm -rf "$work"' EXIT
export LC_ALL=C

# Blocks of "x lo mid hi label", one a line of the picture, and their titles.
awk -v key="$key" -v data="$work/data" -v titles="$work/titles" -v axis="$work/axis" '
function fields(line, f,    n, c, quoted, at) {	# RFC 4180
	n = 1; f[1] = ""; quoted = 0
	for (at = 1; at <= length(line); at++) {
		c = substr(line, at, 1)
		if (c == "\"" && quoted && substr(line, at + 1, 1) == "\"") { f[n] = f[n] c; at++ }
		else if (c == "\"") quoted = !quoted
		else if (c == "," && !quoted) f[++n] = ""
		else f[n] = f[n] c
	}
	return n
}
function number(text,    unit) {	# in the base unit, which is kept; "" when it is none
	if (text !~ /^[0-9]+(\.[0-9]+)?[A-Za-z\/]*$/) return ""
	unit = text; sub(/^[0-9.]+/, "", unit)
	if (!(unit in factor)) return ""
	base = name[unit]
	return text * factor[unit]
}
function units(of, list,    n, u, i, pair) {
	n = split(list, u, " ")
	for (i = 1; i <= n; i++) { split(u[i], pair, "="); factor[pair[1]] = pair[2]; name[pair[1]] = of }
}
function fault(text) { print text; faulty = 1; exit 1 }
BEGIN {
	factor[""] = 1; name[""] = ""
	units("ns", "ps=1e-3 ns=1 us=1e3 ms=1e6 s=1e9"); units("cyc", "cyc=1")
	units("bytes", "B=1 kB=1e3 MB=1e6 GB=1e9 TB=1e12 KiB=1024 MiB=1048576 GiB=1073741824 TiB=1099511627776")
	units("GB/s", "B/s=1e-9 kB/s=1e-6 MB/s=1e-3 GB/s=1 KiB/s=1.024e-6 MiB/s=1.048576e-3 GiB/s=1.073741824")
	units("GHz", "Hz=1e-9 kHz=1e-6 MHz=1e-3 GHz=1")
}
NR == 1 {
	n = fields($0, head)
	for (i = 1; i <= n; i++) column[head[i]] = i
	if (!("topology_file" in column) || column["topology_file"] == 1) fault("no CSV of a sweep")
	keys = column["topology_file"] - 1
	if (key == "") key = head[1]
	if (!(key in column) || column[key] > keys) fault("no swept key \"" key "\" in it")
	next
}
{
	fields($0, f)
	title = f[column["policy"]] ", " f[column["asked_pct"]] " % local"
	for (i = 1; i <= keys; i++) if (head[i] != key) title = title ", " head[i] "=" f[i]
	if (!(f[column["topology_file"]] in files)) { files[f[column["topology_file"]]] = 1; n_file++ }
	title = title SUBSEP f[column["topology_file"]]
	value = f[column[key]]
	x = number(value)
	if (x == "") words = 1
	if (!(value in place)) { place[value] = n_value++; label[place[value]] = value }
	if (!(title in rows)) order[n_title++] = title
	rows[title] = rows[title] SUBSEP value
	at[title, value] = f[column["slowdown_lo"]] " " f[column["slowdown"]] " " f[column["slowdown_hi"]]
}
END {
	if (faulty) exit 1
	if (n_value == 0) fault(NR ? "no row in it" : "no CSV of a sweep")
	for (i = 0; i < n_title; i++) {
		n = split(substr(rows[order[i]], 2), list, SUBSEP)
		for (k = 1; k <= n; k++) {
			x = words ? place[list[k]] : number(list[k])
			print x, at[order[i], list[k]] >data
		}
		printf "\n\n" >data
		split(order[i], part, SUBSEP)
		text = part[1] (n_file > 1 ? ", " part[2] : "")
		gsub(/["\\`]/, "", text)
		print text >titles
	}
	gsub(/["\\`]/, "", key)
	print key (words || base == "" ? "" : " (" base ")") >axis
	for (i = 0; i < n_value && words; i++) { gsub(/["\\`]/, "", label[i]); print label[i] >axis }
}' "$csv" >"$work/fault" || die "'$csv': $(cat "$work/fault")"

{
	echo "set terminal $terminal"
	echo 'set termoption noenhanced; set key outside top center horizontal maxcols 2; set grid'
	echo 'set ylabel "slowdown against all local (90 % interval)"; set offsets graph 0.03, graph 0.03, 0, 0'
	echo "set xlabel \"$(sed -n 1p "$work/axis")\""
	[ "$(wc -l <"$work/axis")" -eq 1 ] ||
		echo "set xtics ($(sed -n '2,$p' "$work/axis" | awk '{ printf "%s\"%s\" %d", (NR > 1 ? ", " : ""), $0, NR - 1 }'))"
	printf 'plot '
	awk -v data="$work/data" '{
		printf "%s\"%s\" index %d using 1:2:4 with filledcurves fs transparent solid 0.15 lc %d notitle, ", \
			(NR > 1 ? ", " : ""), data, NR - 1, NR
		printf "\"%s\" index %d using 1:3 with linespoints lc %d title \"%s\"", data, NR - 1, NR, $0
	}' "$work/titles"
	echo
} >"$work/plot.gp"
# gnuplot tells nobody of a full disk: cat does.
set -o pipefail
if ! gnuplot "$work/plot.gp" | cat >"$out.part" || ! mv "$out.part" "$out"; then
	rm -f "$out.part"
	echo "plot_sweep: cannot draw '$out'" >&2
	exit 1
fi
