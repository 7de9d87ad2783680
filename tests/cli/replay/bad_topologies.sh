cxlmemsim replay -t bad.yaml -t none.yaml -t one.yaml -t cut.yaml w.cxlt
