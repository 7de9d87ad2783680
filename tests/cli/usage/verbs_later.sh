for v in advise; do cxlmemsim $v; echo $?; done
