cxlmemsim -t one.yaml; echo $?; cxlmemsim run -t one.yaml --; echo $?
