cxlmemsim --help
