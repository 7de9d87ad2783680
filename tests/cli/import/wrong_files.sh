# Each file that is no import, or none of use: a clear word, exit 2 (1: nothing in it), nothing written.
try() {
	cxlmemsim import -o out.cxlt "$@"
	echo $?
	ls out.cxlt* 2>/dev/null
}
: >empty
try empty
echo hello >text
try text
try nowhere
try .
printf '\037\213xxxxxxxxxxxxxxxxx' >packed.gz
try packed.gz
printf '2ELIFREPxxxxxxxxxxxxx' >big.data
try big.data
printf 'PERFFILExxxxxxxxxxxxx' >old.data
try old.data
$PERF_MAKE cycles >cycles.data
try cycles.data
$PERF_MAKE noregs >noregs.data
try noregs.data
$PERF_MAKE noids >noids.data
try noids.data
$PERF_MAKE clock >clock.data
cat clock.data | try -
head -c 50 clock.data >short.data
try short.data
$PERF_MAKE pipe | head -c 400 >nothing.data
try nothing.data
try
try clock.data clock.data
try --format nonsense clock.data
try --topology one.yaml clock.data
try --symfs nowhere clock.data
try w.cxlt
echo 'chase 42/42 100.000400: 200000 cpu-clock:u: 400043' >noregs.txt
try noregs.txt
cp clock.data same
cxlmemsim import -o same same
echo $?
