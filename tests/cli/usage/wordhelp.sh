cxlmemsim help
