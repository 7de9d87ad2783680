# never a crash, never success on nothing
size=$(wc -c <w.cxlt)
for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
	head -c $((size * i / 13)) w.cxlt >cut.cxlt
	cxlmemsim replay -t one.yaml -s 50 -f csv cut.cxlt >out 2>err
	code=$?
	[ $code -eq 0 ] || [ $code -eq 2 ] || echo "cut $i: $code"
	[ $code -ne 0 ] || [ -s out ] || echo "cut $i: nothing"
	[ $code -eq 0 ] || [ -s err ] || echo "cut $i: silent"
done
