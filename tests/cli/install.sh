#!/usr/bin/env bash
# Installs into a temporary folder and runs from there: data, man pages and the exact tool are found.
#
#   install.sh BUILD_FOLDER
set -eu
build=$1
work=$(mktemp -d "${TMPDIR:-/tmp}/cxlmemsim-install.XXXXXX")
trap 'rm -rf "$work"' EXIT
unset CXMS_DATA_DIR CXMS_EXACT_DIR
export HOME=$work LC_ALL=C
fail() { echo "install: $*" >&2; exit 1; }

cmake --install "$build" --prefix "$work/to" >/dev/null
cd "$work"
program=$work/to/bin/cxlmemsim
[ -x "$program" ] || fail "no program in bin/"

# Not the source's data: what stands here only is listed, and drawn on.
sed 's/^title:.*/title: one of this folder alone/' "$work/to/share/cxlmemsim/presets/host/spr.yaml" >mine.yaml
mv mine.yaml to/share/cxlmemsim/presets/host/mine.yaml
"$program" list presets | grep -q "one of this folder alone" || fail "presets are not those installed"
mv to/share/cxlmemsim/curves/spr8480-ddr5.csv to/share/cxlmemsim/curves/moved.csv
cat >t.yaml <<'Y'
schema: 1
host: {preset: mine, local: {latency: 107ns, curve: moved}}
devices:
  mem0: {preset: cxl-a, upstream: host, root_port: 0}
Y
"$program" record -q -S synth --mem-latency 100ns -o w.cxlt --pattern '{duration: 20ms}'
"$program" replay -q -t t.yaml -s 100,0 -f csv w.cxlt | grep -q '^t.yaml,' || fail "no replay"
"$program" topo check to/share/cxlmemsim/one-switch.yaml >/dev/null || fail "topologies are not installed"

for verb in "" -run -record -replay -sweep -report -diff -topo -trace -list -doctor -help; do
	page=$(find to -name "cxlmemsim$verb.1")
	[ -n "$page" ] || fail "no man page cxlmemsim$verb(1)"
	head -n 1 "$page" | grep -q '^\.TH CXLMEMSIM' || fail "$page is no man page"
	if grep -n '\*\*\|`' "$page"; then fail "$page has Markdown left"; fi
done

# Where the tool was built, it is found beside the program.
if [ -x "$build/exact/cxms-amd64-linux" ] && command -v valgrind >/dev/null; then
	"$program" record -q -S exact --mem-latency 100ns --walk-latency 20ns -o x.cxlt -- /bin/true ||
		fail "the exact tool does not run"
fi
