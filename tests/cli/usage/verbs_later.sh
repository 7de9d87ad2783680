for v in import calibrate sweep advise; do cxlmemsim $v; echo $?; done
