# The text of perf script: clock samples with registers, faults, tasks and switches; accesses; words that
# are none of it.
mkdir root
{ head -c 64 /dev/zero; printf '\110\213\000\353\373'; } >root/code.bin
regs='AX:0x10000040 BX:0x1 CX:0x2 DX:0x3 SI:0x4 DI:0x5 BP:0x6 SP:0x7ffd00000000 R8:0x8 R9:0x9 R10:0xa R11:0xb R12:0xc R13:0xd R14:0xe R15:0xf'
cat >clock.txt <<X
       perf-exec     0/0         0.000000: PERF_RECORD_COMM: perf-exec:42/42
       perf-exec    42/42    100.000000000: PERF_RECORD_COMM exec: my chase:42/42
        my chase    42/42    100.000000010: PERF_RECORD_MMAP2 42/42: [0x400000(0x1000) @ 0 fe:00 11 0]: r-xp /code.bin
        my chase    42/42    100.000000020: PERF_RECORD_MMAP2 42/42: [0x10000000(0x100000) @ 0 00:00 0 0]: rw-p //anon
        my chase    42/42    100.000000030: PERF_RECORD_SWITCH IN
        my chase    42/42 [001] 100.000000040:          1 page-faults:u:     10000000     400040
        my chase    42/42 [001] 100.000200000:     200000 cpu-clock:u:            0     400043 ABI:2    $regs
        my chase    42/42 [001] 100.000400:     200000 cpu-clock:u:     400043
this is no line
        my chase    42/42    100.000500000: PERF_RECORD_FORK(42:43):(42:42)
        my chase    42/42    100.000600000: PERF_RECORD_LOST lost 3
        my chase    42/42    100.000700000: PERF_RECORD_SWITCH OUT preempt
        my chase    42/42    100.000800000: PERF_RECORD_EXIT(42:42):(1:1)
X
cxlmemsim import --symfs root --mem-latency 100ns --walk-latency 20ns -o clock.cxlt clock.txt
cxlmemsim trace dump clock.cxlt
cat >mem.txt <<'X'
chase 42/42 100.000100000: 1000 cpu/mem-loads,ldlat=30/P: 10000040 68100142 |OP LOAD|LVL L1 hit|SNP None|TLB L1 or L2 hit|LCK No|BLK  N/A   41   400040
chase 42/42 100.000200000: 1000 cpu/mem-loads,ldlat=30/P: 10000080 668100842 |OP LOAD|LVL L3 hit|SNP None|TLB L1 or L2 hit|LCK No|BLK  N/A   80   400040
X
cxlmemsim import --mem-latency 100ns --walk-latency 20ns -o mem.cxlt mem.txt
cxlmemsim trace dump mem.cxlt
# out of time order: what follows from times is wrong, and that is said
{ sed -n '1,6p' clock.txt; sed -n '8p' clock.txt; sed -n '7p' clock.txt; } >late.txt
cxlmemsim import --symfs root --mem-latency 100ns --walk-latency 20ns -o late.cxlt late.txt
