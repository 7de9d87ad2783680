# The same walk of 4 loads, 64 bytes apart, in each format of address traces: detected, counted,
# through the same caches, and replayed.
cat >lackey.txt <<'X'
==1== Lackey, an example Valgrind tool
I  00400000,3
 L 10000000,8
I  00400003,3
 L 10000040,8
I  00400006,4
 M 10000080,8
I  0040000a,2
hello from the program
I  0040000c,1
 S 1ffeff000,8
X
cat >view.txt <<'X'
Output format:
<--record#-> <--instr#->: <---tid---> <record details>
------------------------------------------------------------
           1           0:        7 <marker: version 6>
           2           1:        7 ifetch       3 byte(s) @ 0x0000000000400000 48 8b 00             mov    (%rax), %rax
           3           1:        7 read         8 byte(s) @ 0x0000000010000000 by PC 0x0000000000400000
           4           2:        7 ifetch       3 byte(s) @ 0x0000000000400003 non-branch 48 8b 00  mov    (%rax), %rax
           5           2:        7 read         8 byte(s) @ 0x0000000010000040 by PC 0x0000000000400003
           6           3:        9 ifetch       4 byte(s) @ 0x0000000000400006 48 83 00 01          add    $1, (%rax)
           7           3:        9 read         8 byte(s) @ 0x0000000010000080 by PC 0x0000000000400006
           8           3:        9 write        8 byte(s) @ 0x0000000010000080 by PC 0x0000000000400006
           9           3:        9 <thread 9 exited>
X
cat >loads.txt <<'X'
100, 5, 10000000, 400000, 0
110, 9, 10000040, 400003, 0
400, 30, 10000080, 400006, 1
X
for t in lackey view loads; do
	cxlmemsim import -t one.yaml -o $t.cxlt $t.txt
	cxlmemsim trace info $t.cxlt | grep -E '^(program|source)'
	cxlmemsim replay -q -t one.yaml -s 100,0 $t.cxlt | grep -E '^(source|misses)' -A2
done
# newer view tools name the workload with the thread, and code longer than seven bytes goes on behind a
# prefix; loads come out of order where the core was
cat >view2.txt <<'X'
<--record#-> <--instr#->: <Wrkld.Tid> <record details>
           1           0:      W0.T7 <marker: version 8>
           2           1:      W0.T7 ifetch       8 byte(s) @ 0x0000000000400000 48 8b 04 c5 00 00 00 mov    0x10000000(,%rax,8), %rax
           2           1:      W0.T7                                             10
           3           1:      W0.T7 read         8 byte(s) @ 0x0000000010000000 by PC 0x0000000000400000
------------------------------------------------------------
           4           2:      W0.T9 ifetch      10 byte(s) @ 0x0000000000400008 48 b8 00 00 00 10 00 mov    $0x0000000010000000, %rax
           4           2:      W0.T9                                             00 00 00
           5           3:      W0.T9 ifetch       3 byte(s) @ 0x0000000000400012 48 8b 00             mov    (%rax), %rax
           6           3:      W0.T9 read         8 byte(s) @ 0x0000000010000040 by PC 0x0000000000400012
X
cat >order.txt <<'X'
4, 15, 10000000, 406a82, 0
29, 278, 10001000, 7b5749, 0
18, 610, 10002000, 406abf, 0
24, 945, 10003000, 7b5730, 1
60, 1122, 10004000, 7b1aeb, 0
X
for t in view2 order; do
	cxlmemsim import -t one.yaml -o $t.cxlt $t.txt
	cxlmemsim trace info $t.cxlt | grep -E '^source'
	cxlmemsim replay -q -t one.yaml -s 100 $t.cxlt | grep -E '^(source|misses)'
done
# every record of the tool that is no instruction, read or write is passed over, and so is its summary; the first
# tools numbered no instructions
cat >kinds.txt <<'X'
Output format:
<--record#-> <--instr#->: <---tid---> <record details>
------------------------------------------------------------
           1           0:          7 <marker: version 6>
           2           1:          7 ifetch       2 byte(s) @ 0x0000000000400000 conditional jump
           3           2:          7 ifetch       5 byte(s) @ 0x0000000000400002 call
           4           2:          7 write        8 byte(s) @ 0x0000000010000000 by PC 0x0000000000400002
           5           3:          7 ifetch       4 byte(s) @ 0x0000000000400010 0f 18 48 40          prefetcht0 0x40(%rax)
           6           3:          7 pref-r-L1    1 byte(s) @ 0x0000000010001000 by PC 0x0000000000400010
           7           4:          7 ifetch       3 byte(s) @ 0x0000000000400014 0f ae 38             clflush (%rax)
           8           4:          7 dflush       1 byte(s) @ 0x0000000010001000 by PC 0x0000000000400014
           9           5:          7 ifetch       3 byte(s) @ 0x0000000000400020 f3 48 a5             rep movsq
          10           5:          7 read         8 byte(s) @ 0x0000000010002000 by PC 0x0000000000400020
          11           5:          7 write        8 byte(s) @ 0x0000000010003000 by PC 0x0000000000400020
          12           5:          7 <marker: timestamp 13270239527782712>
          13           5:          7 <marker: kernel xfer from 0x400023 to handler>
          14           5:          7 <entry type 99>
          15           5:          7 <thread 7 exited>
View tool results:
              5 : total instructions
X
cat >first.txt <<'X'
Output format:
<record#>: T<tid> <record details>
------------------------------------------------------------
           1: T7 <marker: version 4>
           2: T7 ifetch       3 byte(s) @ 0x0000000000402680 f3 48 a5             rep movsq
           3: T7 read         8 byte(s) @ 0x00007f8881e37c70 by PC 0x0000000000402680
           4: T7 write        8 byte(s) @ 0x00007f8881e37a70 by PC 0x0000000000402680
X
for t in kinds first; do
	cxlmemsim import -t one.yaml -o $t.cxlt $t.txt
	cxlmemsim replay -q -t one.yaml -s 100 $t.cxlt | grep -E '^misses'
done
