for v in calibrate advise; do cxlmemsim $v; echo $?; done
