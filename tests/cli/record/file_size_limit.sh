# a limit of file sizes ends the recording, not the tool and not the program
cxlmemsim doctor | grep -qE '^ *(clock|ptrace)  *works' || exit 77
R="cxlmemsim record --mem-latency 100ns --walk-latency 20ns --llc-size 1MiB"
(ulimit -f 2; $R -o a.cxlt -- sh -c 'for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do ls -R . >/dev/null; done; exit 3'); echo $?
cxlmemsim trace info a.cxlt | grep -o '^state *cut'
# a recording that nobody keeps as well; the program's status is said
(ulimit -f 2; cxlmemsim run --mem-latency 100ns --walk-latency 20ns --llc-size 1MiB -t one.yaml -- sh -c 'for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do ls -R . >/dev/null; done; exit 3'); echo $?
# without a program too; and a program has the signal as ever
(ulimit -f 1; cxlmemsim record -q -S synth --pattern '{duration: 5s}' -o s.cxlt; echo $?) 2>&1 | cat
(ulimit -f 64; cxlmemsim record -q --mem-latency 100ns --walk-latency 20ns --llc-size 1MiB -o p.cxlt -- sh -c 'exec head -c 100000 /dev/zero >large'; echo $?) 2>&1 | cat
