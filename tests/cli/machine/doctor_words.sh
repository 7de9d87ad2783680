cxlmemsim doctor now
