cxlmemsim help diff
