cxlmemsim help trace
