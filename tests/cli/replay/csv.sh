cxlmemsim replay -q -t one.yaml -f csv w.cxlt
