cxlmemsim doctor || [ $? -eq 3 ]
PATH="$FAKE_VALGRIND:$PATH" CXMS_EXACT_DIR="$FAKE_VALGRIND" cxlmemsim doctor | grep "^  exact"
