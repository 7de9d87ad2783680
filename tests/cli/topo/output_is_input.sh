cp one.yaml before; cxlmemsim topo show -o one.yaml one.yaml; echo $?; cmp one.yaml before
