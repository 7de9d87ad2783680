cxlmemsim trace info none.cxlt; echo $?
cxlmemsim trace info one.yaml; echo $?
: >empty.cxlt; cxlmemsim trace info empty.cxlt; echo $?
mkdir d; cxlmemsim trace dump d; echo $?
head -c 20 w.cxlt >short.cxlt; cxlmemsim trace info short.cxlt; echo $?
