# nothing can be read: no failure, only less to say
mkdir root
CXMS_FSROOT=$PWD/root cxlmemsim doctor >out 2>&1
[ $? -eq 0 ] || [ $? -eq 3 ] || exit 1
sed -n '/^machine/,/LLC/p' out | sed 's/system .*/system -/; s/CPUs .*/CPUs -/' 
