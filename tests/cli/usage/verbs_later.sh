for v in import calibrate advise; do cxlmemsim $v; echo $?; done
