cxlmemsim help replay >a; cxlmemsim replay --help >b; cmp a b && cxlmemsim replay -h >c; cmp a c
