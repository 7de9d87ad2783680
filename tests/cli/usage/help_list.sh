cxlmemsim help list
