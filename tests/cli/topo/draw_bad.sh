cxlmemsim topo draw bad.yaml -o keep; echo $?; ls keep 2>/dev/null || true
