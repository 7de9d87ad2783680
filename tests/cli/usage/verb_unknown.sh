cxlmemsim recrod -o x -- true
