cxlmemsim replay -t one.yaml -f json w.cxlt | sed 's/"version": ".*"/"version": "-"/'
