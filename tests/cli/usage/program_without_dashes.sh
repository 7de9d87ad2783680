cxlmemsim ./workload
