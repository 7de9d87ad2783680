cxlmemsim help sweep
