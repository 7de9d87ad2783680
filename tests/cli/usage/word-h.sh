cxlmemsim -h
