cxlmemsim help replay
