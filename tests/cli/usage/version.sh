cxlmemsim --version
