#!/usr/bin/env bash
# The layer rules of src/ARCHITECTURE.md, by the includes: a folder sees itself and what stands in its row.
# core/xstream.h is a description of bytes without code, for all who carry or read the exact source's stream.
set -eu
cd "$(dirname "$0")/../src"

allowed_base=""
allowed_trace="base"
allowed_source="base trace"
allowed_place="base trace"
allowed_core="base trace"
allowed_topo="base"
allowed_mem="base"
allowed_policy="base"
allowed_record="base trace source core"
allowed_exact="core"
allowed_sim="base trace place core topo mem policy"
allowed_report="base trace topo sim"
allowed_cli="base trace source topo policy record sim report"

bad=0 seen=0
for folder in */; do
	folder=${folder%/}
	row=allowed_$folder
	if [ -z "${!row+set}" ] && compgen -G "$folder/*.[ch]" >/dev/null; then
		echo "src/$folder is in no layer; add it to $0 and src/ARCHITECTURE.md"
		bad=1
	fi
done
while IFS=: read -r file include; do
	folder=${file%%/*}
	row=allowed_$folder
	seen=$((seen + 1))
	include=${include#*\"}
	include=${include%%\"*}
	[ "$include" != core/xstream.h ] || continue
	# the tool's own header, and those of Valgrind
	[[ $folder != exact || $include == */* ]] || continue
	case " $folder ${!row-} " in
	*" ${include%%/*} "*) ;;
	*)
		echo "src/$file: includes \"$include\", but $folder may include only: $folder ${!row-}"
		bad=1
		;;
	esac
done < <(grep '^#include "' ./*/*.[ch] | sed 's|^\./||')
[ "$seen" -gt 100 ] || { echo "check_layers: only $seen includes found; is this the source tree?"; bad=1; }
dup=$(ls */*.c */*.h | sed 's|.*/||' | grep -v '^CMakeLists' | sort | uniq -d)
[ -z "$dup" ] || { echo "file names used twice: $dup"; bad=1; }
exit $bad
