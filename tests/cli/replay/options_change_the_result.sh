cxlmemsim replay -t one.yaml -f json w.cxlt >a
for o in '--epoch 100ms' '--llc-size 64KiB' '--blocked keep'; do
	cxlmemsim replay -t one.yaml -f json $o w.cxlt >b; cmp -s a b; echo "$o $?"
done
