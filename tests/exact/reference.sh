# shellcheck shell=bash
# Recordings of the cycle-level reference's programs, for accuracy.sh and results/ablation/run.sh.
# Sourced; they set BUILD (folder of the build) and REFERENCE (tests/data/gem5).

# reference_needs: why nothing can be recorded here; empty = it can
reference_needs() {
	local state
	state=$("$BUILD/cxlmemsim" doctor 2>/dev/null | sed -n 's/^ *exact  *//p' | head -n 1)
	if [[ $state != works* ]]; then
		echo "source exact here: ${state:-no answer from doctor}"
	elif [ ! -x "$BUILD/tests/gem5/chase" ]; then
		echo "the reference's programs were not built; they need gcc"
	fi
}

# reference_groups: what one recording serves, 'workload,args,core,prefetch' a line
reference_groups() {
	awk -F, 'NR > 1 && !seen[$1, $2, $3, $4]++ { print $1 "," $2 "," $3 "," $4 }' "$REFERENCE/results.csv"
}

# reference_points GROUP: its 'latency,bandwidth,slowdown,uops' as the reference has them
reference_points() {
	awk -F, -v group="$1" '$1 "," $2 "," $3 "," $4 == group { print $5 "," $6 "," $12 "," $13 }' \
		"$REFERENCE/results.csv"
}

# reference_topology FILE GROUP LATENCY BANDWIDTH: the machine, with all memory behind these
reference_topology() {
	local core prefetch=none latency=$3 bandwidth=$4
	core=$(cut -d, -f3 <<<"$2")
	[ "$(cut -d, -f4 <<<"$2")" = off ] || prefetch='{type: stride, degree: 8, distance: 0}'
	[ "$latency" != 400 ] || latency=400.33 # as a chase measured it
	[ "$bandwidth" = unlimited ] || bandwidth+=GiB/s
	sed -e "s|@L2_PREFETCH@|$prefetch|g; s|@PREFETCH@|$(cut -d, -f4 <<<"$2")|g" \
		-e "s|@LATENCY@|${latency}ns|g; s|@BANDWIDTH@|$bandwidth|g" "$REFERENCE/$core.yaml.in" >"$1"
}

# reference_record FILE GROUP TOPOLOGY: its region of interest under the exact source
reference_record() {
	local words
	read -ra words <<<"$(cut -d, -f2 <<<"$2")"
	"$BUILD/cxlmemsim" record -q -S exact -t "$3" --mem-latency 90ns --walk-latency 20ns \
		--roi-begin mark_roi_begin --roi-end mark_roi_end -o "$1" -- \
		"$BUILD/tests/gem5/${words[0]}" "${words[@]:1}"
}
