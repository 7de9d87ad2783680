cxlmemsim help run replay
