cxlmemsim help help
