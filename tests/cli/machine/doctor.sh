cxlmemsim doctor || [ $? -eq 3 ]
