cxlmemsim list devices
