[ -w /dev/full ] || exit 77
cxlmemsim help run >/dev/full; echo $? >&2
cxlmemsim --version >/dev/full; echo $? >&2
cxlmemsim topo check one.yaml >/dev/full; echo $? >&2
