cxlmemsim list policies
