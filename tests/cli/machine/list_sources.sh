cxlmemsim list sources
