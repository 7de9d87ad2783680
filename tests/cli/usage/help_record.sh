cxlmemsim help record
