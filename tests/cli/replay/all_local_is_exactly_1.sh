cxlmemsim replay -q -t one.yaml -s 100 -f csv w.cxlt | cut -d, -f6-8
