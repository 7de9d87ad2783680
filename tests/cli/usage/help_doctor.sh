cxlmemsim help doctor
