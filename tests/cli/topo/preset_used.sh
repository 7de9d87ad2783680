# a whole topology from two presets; errors name file, line and what is known
cat >p.yaml <<'Y'
schema: 1
host: {preset: spr}
devices:
  m: {preset: mess-emr-cxl, upstream: host}
Y
cxlmemsim topo check p.yaml; echo $?
cxlmemsim topo show p.yaml | grep -E 'preset|latency: [0-9]*(ns|ps)|curve'
sed 's/spr/sprr/' p.yaml >bad.yaml
cxlmemsim topo check bad.yaml; echo $?
CXMS_DATA_DIR=/nowhere cxlmemsim topo check p.yaml; echo $?
CXMS_DATA_DIR=/nowhere cxlmemsim list presets; echo $?
