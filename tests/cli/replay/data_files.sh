# The sha256 of a topology is that of its file, and changes with a preset or a curve that it draws on.
sha() { cxlmemsim replay -q -f json -s 0 -t "$1" w.cxlt | sed -n 's/^ *"sha256": "\(.*\)".*/\1/p'; }
cp -R "$SCRIPTS/../cxltopo" data
export CXMS_DATA_DIR="$PWD/data"
[ "$(sha one.yaml)" = "$(sha256sum one.yaml | cut -d" " -f1)" ] && echo the file
cat >drawn.yaml <<'Y'
schema: 1
host: {local: {latency: 107ns, curve: spr8480-ddr5}}
devices:
  mem0: {preset: cxl-a, upstream: host, root_port: 0}
Y
first=$(sha drawn.yaml)
[ "$first" = "$(sha drawn.yaml)" ] && echo the same again
[ "$first" = "$(sha256sum drawn.yaml | cut -d" " -f1)" ] || echo more than the file
sed -i "1i # more" data/curves/spr8480-ddr5.csv
second=$(sha drawn.yaml)
[ "$first" = "$second" ] || echo another curve
echo "# more" >>data/presets/device/cxl-a.yaml
[ "$second" = "$(sha drawn.yaml)" ] || echo another preset
cxlmemsim replay -q -f json -s 0 -t drawn.yaml -o r.json w.cxlt
cxlmemsim topo draw drawn.yaml --load r.json >/dev/null; echo $?
echo "# more" >>data/presets/device/cxl-a.yaml
cxlmemsim topo draw drawn.yaml --load r.json 2>&1 >/dev/null | cut -d, -f2 | cut -c1-22
printf 'no: [json' >text
cxlmemsim topo draw one.yaml --load text; echo $?
