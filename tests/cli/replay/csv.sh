cxlmemsim replay -t one.yaml -f csv w.cxlt
