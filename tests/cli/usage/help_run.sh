cxlmemsim help run
