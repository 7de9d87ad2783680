#!/usr/bin/env bash
# Every figure without a source is told in reports: a CXMS_ASSUMED_NAME of the models has an entry
# "model.name" (or of a word that NAME begins with), or is named where the entries are made.
#   check_assumed.sh
set -eu
cd "$(dirname "$0")/../src"
entries=$(sed -n 's/.*"model\.\([a-z0-9_]*\)".*/\1/p' sim/assumed.c sim/hw_report.c)
bad=0
for name in $(sed -n 's/^#define \(CXMS_ASSUMED_[A-Z0-9_]*\)[ \t].*/\1/p' core/*.[ch] sim/*.[ch] mem/*.[ch] | sort -u); do
	grep -qw "$name" sim/assumed.c && continue
	word=${name#CXMS_ASSUMED_}
	for entry in $entries; do
		[[ ${word,,}_ == "${entry}_"* ]] && continue 2
	done
	echo "$name is in no list of assumed figures; add it to src/sim/assumed.c"
	bad=1
done
exit $bad
