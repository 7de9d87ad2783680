# Man pages as roff, from the Markdown that src/cli/*.md keeps to: a title line, headings, paragraphs,
# "term" and ":   text" lists, "- " lists (indented within a term's text), indented examples, **bold**,
# *italic*, `code`.
#
#   awk -v version=1.0 -f man.awk cxlmemsim-topo.1.md >cxlmemsim-topo.1

function font(on, name) { return on ? "\\f" name : "\\fR" }

function guard(s) { return s ~ /^[.']/ ? "\\&" s : s }

function inline(s,    out, c, bold, italic, code) {
	bold = italic = code = 0
	while (s != "") {
		c = substr(s, 1, 1)
		if (c == "\\") {
			c = substr(s, 2, 1)
			out = out (c == "\\" ? "\\e" : c == "-" ? "\\-" : c)
			s = substr(s, 3)
			continue
		}
		if (c == "`") {
			code = !code
			out = out font(code, "B")
		} else if (!code && substr(s, 1, 2) == "**") {
			bold = !bold
			out = out font(bold, "B")
			s = substr(s, 2)
		} else if (!code && c == "*") {
			italic = !italic
			out = out font(italic, "I")
		} else {
			out = out (c == "-" && (bold || code) ? "\\-" : c)
		}
		s = substr(s, 2)
	}
	return guard(out)
}

# A line is a term when the next one begins with a colon: so the last one waits.
function flush() {
	if (held != "")
		print ".PP\n" inline(held)
	held = ""
}

function end_example() {
	if (example)
		print ".fi\n.RE"
	example = 0
}

function end_bullets() {
	if (bullets == "nested")
		print ".RE"
	bullets = ""
}

function bullet(kind, text) {
	flush()
	end_example()
	if (bullets != kind) {
		end_bullets()
		print kind == "nested" ? ".RS" : ".PP"
	}
	bullets = kind
	print ".IP \\(bu 2\n" inline(text)
}

/^% / {
	split(substr($0, 3), title, /[()]/)
	printf ".TH %s %s \"\" \"cxlmemsim %s\"\n", toupper(title[1]), title[2], version
	next
}
/^    - / { bullet("nested", substr($0, 7)); next }
/^- / { bullet("plain", substr($0, 3)); next }
!/^$/ { end_bullets() }
/^# / { flush(); end_example(); print ".SH " substr($0, 3); named = $2 == "NAME"; next }
/^:   / { print ".TP\n" inline(held) "\n" inline(substr($0, 5)); held = ""; next }
/^    / {
	flush()
	if (!example)
		print ".PP\n.RS 4\n.nf"
	example = 1
	line = substr($0, 5)
	gsub(/\\/, "\\e", line)
	gsub(/-/, "\\-", line)
	print guard(line)
	next
}
/^$/ { flush(); end_example(); next }
named { sub(/ - /, " \\- ") }
{ flush(); end_example(); held = $0 }
END { flush(); end_example(); end_bullets() }
