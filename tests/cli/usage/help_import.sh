cxlmemsim help import
