# capstone and libpfm, which take long to relocate, are not loaded before they are needed
LD_TRACE_LOADED_OBJECTS=1 cxlmemsim | sed -En 's/^.*(lib(capstone|pfm|c))[.]so.* => .*/\1/p'
