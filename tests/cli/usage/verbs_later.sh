for v in import advise; do cxlmemsim $v; echo $?; done
