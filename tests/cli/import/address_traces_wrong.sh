# Lines that are none of the format are counted, the program's own words are not, or there is nothing.
printf 'I  400000,3\nIn 4096 10\n L 10000000,8\n L 10000000,99999\n S zzz,8\nI  400003,3' >bad.txt
cxlmemsim import -t one.yaml -o out.cxlt bad.txt
echo $?
echo hello >nothing.txt
cxlmemsim import -f lackey -t one.yaml -o none.cxlt nothing.txt
echo $?
ls none.cxlt
cxlmemsim import -f champsim -t one.yaml -t two.yaml -o none.cxlt bad.txt
echo $?
cxlmemsim import -t bad.yaml -o none.cxlt bad.txt
echo $?
ls none.cxlt 2>/dev/null || true
