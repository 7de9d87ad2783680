cxlmemsim help calibrate
