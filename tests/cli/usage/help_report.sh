cxlmemsim help report
