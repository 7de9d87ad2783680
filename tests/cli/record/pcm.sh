# Text of Intel PCM beside a program: refused where it cannot be, else kept as counters.
cxlmemsim doctor | grep -qE "(clock|ptrace) *works" || exit 77
machine='--mem-latency 100ns --walk-latency 20ns --llc-size 16MiB -q'
cxlmemsim record $machine --pcm absent -o a.cxlt -- true; echo "absent: $?"
cxlmemsim record -q --pcm absent -S synth --pattern '{duration: 50ms}' -o a.cxlt; echo "synth: $?"
cxlmemsim record -q --pcm absent -S exact -o a.cxlt -- true; echo "exact: $?"
line() { date -d "$1 seconds" "+%Y-%m-%d,%H:%M:%S.000,$2,$3,0,0,0"; }
{
	echo ',,SKT0,SKT0,System,System,System'
	echo 'Date,Time,Mem Read (MB/s),Mem Write (MB/s),Read,Write,Memory'
	line -20 1 1
	line -10 1 1
	line +10 3000 2000
	echo torn
} > text
cxlmemsim record ${machine% -q} --pcm text -o a.cxlt -- sleep 0.3; echo "text: $?"
cxlmemsim trace dump a.cxlt | grep -c "counter=0.*cpu=0"
cxlmemsim trace dump a.cxlt | sed -n "s/.* counter id=\([0-9]*\).*unit=\([a-z]*\) name=/\1 \2 /p"
echo 'Date,Time,Nothing' > text
cxlmemsim record ${machine% -q} --pcm text -o a.cxlt -- true; echo "other text: $?"
