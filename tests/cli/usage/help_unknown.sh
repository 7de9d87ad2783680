cxlmemsim help runn
