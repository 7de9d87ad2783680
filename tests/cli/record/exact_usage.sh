# options of source exact: wrong ones, and ones without it; nothing starts
export PATH="$FAKE_VALGRIND:$PATH" CXMS_EXACT_DIR="$FAKE_VALGRIND"
long=$(printf '%0512d' 0)
for o in '--exact-window 10M' '--exact-window 10M/' '--exact-window /10M' '--exact-window 10M/100X' \
	'--exact-window 0/100' '--exact-window 10/0' '--exact-window 10M/1M' '--exact-window 1/99999999999999999999' \
	'--exact-window -1/2' '--exact-window 10M/100M/' '--roi-begin f --roi-end f' "--roi-begin $long" \
	'--roi-end=' '--period 1ms' '--llc-size 1MiB' '-t one.yaml -t two.yaml' '-t none.yaml' '-t bad.yaml'; do
	cxlmemsim record -S exact $o -- touch started
	echo $?
done
for o in '--roi-begin f' '--roi-end f' '--exact-window 1/2' '-t one.yaml'; do
	cxlmemsim record $o -- touch started
	echo $?
	cxlmemsim record -S clock $o -- touch started
	echo $?
done
ls started 2>/dev/null || true
