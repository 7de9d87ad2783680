#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "topo/draw.h"
#include "topo/topo.h"

static const char pool[] =
	"schema: 1\n"
	"name: \"a <pool> & \\\"more\\\" \\\\\"\n"
	"host: {local: {latency: 107ns, bandwidth: 240GB/s, capacity: 64GiB}}\n"
	"devices:\n"
	"  near: {type: memdev, upstream: host, root_port: 4, latency: 200ns, capacity: 1GiB}\n"
	"  sw0: {type: switch, upstream: host, root_port: 1, link: {gen: 5, width: 16}, latency: "
	"70ns, bandwidth: 99GB/s}\n"
	"  mem0: {type: memdev, upstream: sw0, link: {gen: 5, width: 8, latency: 20ns}, latency: "
	"250ns, bandwidth: {read: 26GB/s, write: 24GB/s, total: 40GB/s}, capacity: 256GiB}\n"
	"  sw1: {type: switch, upstream: sw0, latency: 80ns}\n"
	"  mem1: {type: memdev, upstream: sw1, link: {gen: 6, width: 4}, latency: 250ns, capacity: "
	"2GiB}\n"
	"  mem2: {type: memdev, upstream: sw0, latency: 250ns, capacity: 2GiB}\n";

static char *draw(const char *yaml, enum cxms_draw_format format)
{
	struct cxms_topo *t = NULL;
	struct cxms_err err = {0};
	struct cxms_buf out = {0};
	if (cxms_topo_load_mem("test.yaml", yaml, strlen(yaml), &t, &err) < 0)
		fail_msg("%s", err.msg);
	cxms_topo_draw(t, NULL, format, &out);
	char *text = strdup(cxms_buf_text(&out));
	assert_non_null(text);
	assert_false(out.failed);
	cxms_buf_fini(&out);
	cxms_topo_free(t);
	return text;
}

static void test_text_is_a_tree_with_figures(void **state)
{
	(void)state;
	char *got = draw(pool, CXMS_DRAW_TEXT);
	assert_string_equal(
		got,
		"a <pool> & \"more\" \\\n"
		"host: local 107 ns, 64.0 GiB, 240 GB/s total\n"
		"|- root port 1\n"
		"|  `- sw0: switch, +70.0 ns, Gen5 x16 68B, 99.0 GB/s total\n"
		"|     |- mem0: memdev, 256 GiB, 250 ns, Gen5 x8 68B +20.0 ns, 26.0 GB/s read, "
		"24.0 GB/s write, 40.0 GB/s total; idle 340 ns\n"
		"|     |- sw1: switch, +80.0 ns, no link stated\n"
		"|     |  `- mem1: memdev, 2.00 GiB, 250 ns, Gen6 x4 256B, bandwidth unlimited; "
		"idle 412 ns\n"
		"|     `- mem2: memdev, 2.00 GiB, 250 ns, no link stated, bandwidth unlimited; "
		"idle 320 ns\n"
		"`- root port 4\n"
		"   `- near: memdev, 1.00 GiB, 200 ns, no link stated, bandwidth unlimited; idle "
		"200 ns\n");
	free(got);
}

static void test_dot_has_every_edge_and_escapes_the_name(void **state)
{
	(void)state;
	static const char *const want[] = {
		"label=\"a <pool> & \\\"more\\\" \\\\\";",
		"\"host\" -> \"port:1\" [dir=none];",
		"\"port:1\" -> \"dev:sw0\" [dir=none, label=\"Gen5 x16 68B\"];",
		"\"dev:sw0\" -> \"dev:mem0\" [dir=none, label=\"Gen5 x8 68B +20.0 ns\"];",
		"\"dev:sw1\" -> \"dev:mem1\"",
		"\"port:4\" -> \"dev:near\"",
		"idle 340 ns",
	};
	char *got = draw(pool, CXMS_DRAW_DOT);
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++)
		if (!strstr(got, want[i]))
			fail_msg("no '%s' in\n%s", want[i], got);
	free(got);
}

/* Just enough XML to know that tags nest, attributes are quoted, and text is escaped. */
static void assert_well_formed(const char *xml)
{
	char open[16][16];
	int depth = 0;
	const char *p = xml;
	while (*p) {
		if (*p == '&') {
			assert_true(!strncmp(p, "&lt;", 4) || !strncmp(p, "&gt;", 4) ||
				    !strncmp(p, "&amp;", 5) || !strncmp(p, "&quot;", 6));
		}
		if (*p != '<') {
			assert_true(*p != '>');
			p++;
			continue;
		}
		const char *end = strchr(p, '>');
		assert_non_null(end);
		size_t quotes = 0;
		for (const char *q = p + 1; q < end; q++) {
			assert_true(*q != '<');
			quotes += *q == '"';
		}
		assert_int_equal(quotes % 2, 0);
		if (p[1] == '/') {
			assert_true(depth > 0);
			depth--;
			size_t n = strlen(open[depth]);
			assert_int_equal(strncmp(p + 2, open[depth], n), 0);
			assert_true(p[2 + n] == '>');
		} else if (p[1] != '?' && end[-1] != '/') {
			assert_true(depth < 16);
			snprintf(open[depth++], 16, "%.*s", (int)strcspn(p + 1, " >"), p + 1);
		}
		p = end + 1;
	}
	assert_int_equal(depth, 0);
}

struct rect {
	int x, y, w, h;
};

static size_t find_rects(const char *svg, struct rect *r, size_t cap)
{
	size_t n = 0;
	for (const char *p = strstr(svg, "<rect x="); p; p = strstr(p + 1, "<rect x=")) {
		assert_true(n < cap);
		assert_int_equal(sscanf(p, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\"",
					&r[n].x, &r[n].y, &r[n].w, &r[n].h),
				 4);
		n++;
	}
	return n;
}

static void assert_boxes_apart(const char *svg, size_t want)
{
	struct rect r[64], page = {0};
	size_t n = find_rects(svg, r, 64);
	assert_int_equal(n, want);
	const char *size = strstr(svg, "<svg ");
	assert_non_null(size);
	assert_int_equal(
		sscanf(strstr(size, "width="), "width=\"%d\" height=\"%d\"", &page.w, &page.h), 2);
	for (size_t i = 0; i < n; i++) {
		assert_true(r[i].x >= 0 && r[i].y >= 0);
		assert_true(r[i].x + r[i].w <= page.w && r[i].y + r[i].h <= page.h);
		for (size_t j = 0; j < i; j++)
			assert_true(r[i].x + r[i].w <= r[j].x || r[j].x + r[j].w <= r[i].x ||
				    r[i].y + r[i].h <= r[j].y || r[j].y + r[j].h <= r[i].y);
	}
}

static void test_svg_is_xml_and_boxes_do_not_overlap(void **state)
{
	(void)state;
	char *got = draw(pool, CXMS_DRAW_SVG);
	assert_well_formed(got);
	assert_non_null(strstr(got, ">a &lt;pool&gt; &amp; &quot;more&quot; \\</text>"));
	assert_non_null(strstr(got, ">Gen5 x8 68B +20.0 ns</text>"));
	assert_non_null(strstr(got, ">256 GiB, idle 340 ns</text>"));
	assert_boxes_apart(got, 1 + 2 + 6); /* host, root ports, devices */
	free(got);
}

static void test_svg_boxes_higher_than_their_children_stay_apart(void **state)
{
	(void)state;
	char *got =
		draw("schema: 1\nhost: {local: {latency: 107ns}}\ndevices:\n"
		     "  m0: {type: memdev, upstream: host, latency: 9ns, capacity: 1GiB}\n"
		     "  s0: {type: switch, upstream: host, latency: 9ns, bandwidth: {read: 1GB/s, "
		     "write: 1GB/s, total: 1GB/s}}\n"
		     "  m1: {type: memdev, upstream: s0, latency: 9ns, capacity: 1GiB}\n"
		     "  s1: {type: switch, upstream: host, latency: 9ns, bandwidth: {read: 1GB/s, "
		     "write: 1GB/s, total: 1GB/s}}\n",
		     CXMS_DRAW_SVG);
	assert_well_formed(got);
	assert_boxes_apart(got, 1 + 3 + 4);
	free(got);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text_is_a_tree_with_figures),
		cmocka_unit_test(test_dot_has_every_edge_and_escapes_the_name),
		cmocka_unit_test(test_svg_is_xml_and_boxes_do_not_overlap),
		cmocka_unit_test(test_svg_boxes_higher_than_their_children_stay_apart),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
