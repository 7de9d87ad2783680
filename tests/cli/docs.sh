#!/usr/bin/env bash
# Every verb has a man page, every option of its --help stands there, and no page names an option that
# the verb does not take. No paragraph of a page is too long to be read at a terminal, and lists are
# lists as roff too. The files that the documents name are there.
#   docs.sh PROGRAM SOURCE_DIR
set -u
program=$1
pages=$2/src/cli
bad=0

complain() {
	echo "$1"
	bad=1
}

for verb in $("$program" help | sed -n '/^verbs:/,/^$/s/^  \([a-z]\{1,\}\) .*/\1/p'); do
	page=$pages/cxlmemsim-$verb.1.md
	if [ ! -e "$page" ]; then
		complain "no man page for verb '$verb'"
		continue
	fi
	grep -q "cxlmemsim-$verb(1)" "$pages/cxlmemsim.1.md" ||
		complain "cxlmemsim.1.md does not name cxlmemsim-$verb(1)"
	help=$("$program" help "$verb" | sed -n 's/^  \(-., \|    \)--\([a-z-]*\).*/\2/p' | sort)
	man=$(sed -n '/^# OPTIONS/,/^# EXIT/s/^\*\*.*\\-\\-\([a-z-]*\)\*\*.*/\1/p' "$page" | sort)
	only_help=$(comm -23 <(echo "$help") <(echo "$man"))
	only_man=$(comm -13 <(echo "$help") <(echo "$man"))
	[ -z "$only_help" ] || complain "cxlmemsim-$verb.1.md lacks $only_help"
	[ -z "$only_man" ] || complain "cxlmemsim-$verb.1.md names what the verb does not take: $only_man"
	[ -n "$help" ] || complain "no option found in 'help $verb'"
done

for page in "$pages"/*.1.md; do
	long=$(awk '!/^    [^-]/ && NF > 90 { printf "line %d has %d words; ", FNR, NF }' "$page")
	[ -z "$long" ] || complain "$(basename "$page"): paragraphs of at most 90 words: $long"
	roff=$(awk -v version=1 -f "$2/scripts/man.awk" "$page")
	! grep -q '^\\\{0,1\}- ' <<<"$roff" || complain "$(basename "$page"): a list became text"
	[ "$(grep -c '^ *- ' "$page")" = "$(grep -c '^\.IP ' <<<"$roff")" ] ||
		complain "$(basename "$page"): items of lists are not those of the page"
	[ "$(grep -c '^\.RS' <<<"$roff")" = "$(grep -c '^\.RE' <<<"$roff")" ] ||
		complain "$(basename "$page"): an indentation does not end"
done

# From the top, below src/ or below tests/; decisions by their number; unit tests by their name.
named_file() {
	compgen -G "$1" >/dev/null || compgen -G "$1-*.md" >/dev/null
}

for document in README.md src/MODELS.md src/ARCHITECTURE.md; do
	for name in $(grep -oE '`([a-z_]+/[A-Za-z0-9_./*-]+|test_[a-z0-9_]+\.c)`' "$2/$document" | tr -d '`' |
		grep -v '^build/' | sort -u); do
		named_file "$2/$name" || named_file "$2/src/$name" || named_file "$2/tests/$name" ||
			named_file "$2/tests/unit/$name" || complain "$document names $name, which is not there"
	done
done
exit $bad
