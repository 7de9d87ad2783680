# A CXL device as fast as the local memory of the machine that recorded: the program takes its own time.
# One figure for the latency, so that measuring it twice is not what is tested.
topology self.yaml auto 250ns
for kernel in "chase --size 64MiB --steps 2000000" "gather --size 64MiB --steps 20000000" \
	"stream --size 64MiB --steps 200000000" "mixed --size 64MiB --threads 2 --seconds 0.5"; do
	name=${kernel%% *}
	read -ra words <<<"$kernel"
	cxms record -q -S "$SOURCE" --mem-latency 250ns --walk-latency 30ns -o w.cxlt -- "$MB" "${words[@]}" >out ||
		fail "$name" "could not be recorded"
	cxms replay -q -t self.yaml -f csv -o r.csv w.cxlt
	native=$(cxms trace info w.cxlt | sed -n 's/^duration .*(\([0-9]*\) ns)$/\1/p')
	for split in 100 50 0; do
		read -r lo hi time < <(awk -F, -v s=$split '$4 == s { print $7, $8, $11 }' r.csv)
		in_range "$name: $split % local" 1 "$lo" "$hi" "the interval holds it"
		within "$name: $split % local, time" "$time" "$native" \
			"$(calc "100 * ($hi - $lo) + 0.1")" "native, within the interval"
	done
done
