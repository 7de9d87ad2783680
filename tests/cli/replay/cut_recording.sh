size=$(wc -c <w.cxlt)
head -c $((size - 10)) w.cxlt >cut.cxlt; cxlmemsim replay -t one.yaml -f json cut.cxlt >a; echo $?
grep '"status"' a; grep -o CXMS_W_CUT_TRACE a
