# Two threads that chase in turn behind a narrow device, each asleep while the other runs. They never load it
# together, whether switches are recorded or only the samples tell who ran.
sed 's/read: 26GB/read: 0.1GB/; s/write: 24GB/write: 0.1GB/; s/total: 40GB/total: 0.1GB/' one.yaml >slow.yaml
mkdir root
{ head -c 64 /dev/zero; printf '\110\213\000\353\373'; } >root/code.bin
awk 'BEGIN {
	pid = "       chase    42/"; at = 0
	rest = " BX:0x1 CX:0x2 DX:0x3 SI:0x4 DI:0x5 BP:0x6 SP:0x7ffd00000000 R8:0x8 R9:0x9 R10:0xa R11:0xb R12:0xc R13:0xd R14:0xe R15:0xf"
	printf "       chase     0/0         0.000000: PERF_RECORD_COMM: chase:42/42\n"
	printf "%s42    100.000000000: PERF_RECORD_COMM exec: chase:42/42\n", pid
	printf "%s42    100.000000010: PERF_RECORD_MMAP2 42/42: [0x400000(0x1000) @ 0 fe:00 11 0]: r-xp /code.bin\n", pid
	printf "%s42    100.000000020: PERF_RECORD_MMAP2 42/42: [0x10000000(0x10000000) @ 0 00:00 0 0]: rw-p //anon\n", pid
	printf "%s42    100.000000030: PERF_RECORD_FORK(42:43):(42:42)\n", pid
	for (turn = 0; turn < 200; turn++) {
		tid = 42 + turn % 2
		printf "%s%d    100.%09d: PERF_RECORD_SWITCH IN\n", pid, tid, at += 1000
		for (i = 0; i < 10; i++)
			printf "%s%d [001] 100.%09d: 200000 cpu-clock:u: 0 400043 ABI:2    AX:0x%x%s\n", pid, tid,
				at += 200000, 268435456 + (turn * 10 + i) * 7919 % 2000 * 4096, rest
		printf "%s%d    100.%09d: PERF_RECORD_SWITCH OUT\n", pid, tid, at += 1000
	}
	printf "%s42    100.%09d: PERF_RECORD_EXIT(42:42):(1:1)\n", pid, at += 1000
	printf "%s43    100.%09d: PERF_RECORD_EXIT(42:43):(42:42)\n", pid, at += 1000
}' >turns.txt
grep -v SWITCH turns.txt >blind.txt
for f in turns blind; do
	cxlmemsim import -q --symfs root --mem-latency 100ns --walk-latency 20ns --llc-size 1MiB -o $f.cxlt $f.txt
	cxlmemsim replay -q -t slow.yaml -s 100,0 -f csv $f.cxlt | cut -d, -f2,5,6
done
