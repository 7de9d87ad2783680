#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "topo/draw.h"
#include "topo/topo.h"
#include "topo/topo_priv.h"

static const char yaml[] =
	"schema: 1\nname: pool\nhost: {preset: spr, bridge: {bandwidth: 200GB/s}}\ndevices:\n"
	"  sw: {type: switch, upstream: host, link: {gen: 5, width: 16}, bandwidth: 60GB/s}\n"
	"  m0: {preset: cxl-a, upstream: sw}\n"
	"  m1: {type: memdev, upstream: sw, latency: 250ns, capacity: 3GiB, bandwidth: 30GB/s, "
	"model: {type: queue, "
	"channels: 4}, logical: [{host: x, capacity: 1GiB}, {host: y, capacity: 2GiB}]}\n"
	"regions: [{name: wide, targets: [m0, m1], granularity: 256B}]\n";

static struct cxms_topo *topology(void)
{
	struct cxms_topo *t = NULL;
	struct cxms_err err = {0};
	if (cxms_topo_load_mem("pool.yaml", yaml, strlen(yaml), &t, &err) < 0)
		fail_msg("%s", err.msg);
	return t;
}

#define FIGURES(u, r, w, wait)                                                                     \
	"\"utilization_ratio\": " u ", \"read_bytes_per_s\": " r ", \"write_bytes_per_s\": " w     \
	", \"wait_ns\": " wait
#define SERVER(name, part, figures) "{\"name\": \"" name "\", \"part\": \"" part "\", " figures "}"
#define ROW(topology, split, binding, servers)                                                     \
	"{\"topology\": " topology                                                                 \
	", \"policy\": \"hot-local\", \"split\": {\"asked_pct\": " split                           \
	"}, \"slowdown\": 1.5, \"binding\": \"" binding "\", \"servers\": [" servers "]}"

/* A result of this topology with these rows. */
static int read_rows(const struct cxms_topo *t, const char *sha, const char *rows, double split,
		     struct cxms_draw_load **load, struct cxms_err *err)
{
	struct cxms_buf text = {0};
	struct cxms_cfg *cfg = NULL;
	cxms_buf_printf(&text,
			"{\"schema\": \"cxlmemsim-result-1\",\n\"topologies\": [{\"file\": "
			"\"other.yaml\", \"sha256\": \"0\"}, {\"sha256\": \"%s\"}],\n\"results\": "
			"[%s]}\n",
			sha, rows);
	*load = NULL;
	assert_int_equal(cxms_cfg_load_yaml_mem("r.json", text.data, text.len, &cfg, err), 0);
	int rc = topo_draw_load_cfg(t, cfg, split, load, err);
	cxms_cfg_free(cfg);
	cxms_buf_fini(&text);
	return rc;
}

static const char servers[] = SERVER("sw", "link_up", FIGURES("0.81", "1e10", "2e9", "7")) "," SERVER(
	"sw", "link_down",
	FIGURES("0.25", "1e10", "2e9",
		"7")) "," SERVER("sw", "device",
				 FIGURES("0.2", "1e10", "2e9",
					 "1")) "," SERVER("m0", "device",
							  FIGURES("0.9375", "1e10", "2e9",
								  "33.5")) "," SERVER("local",
										      "local",
										      FIGURES("0.5",
											      "1e1"
											      "1",
											      "0",
											      "4")) "," SERVER("bridge",
													       "bridge",
													       FIGURES("0.6",
														       "1e11",
														       "2e9",
														       "2"));

static struct cxms_draw_load *good(const struct cxms_topo *t, const char *binding)
{
	char row[4096];
	struct cxms_draw_load *load;
	struct cxms_err err = {0};
	snprintf(row, sizeof(row), ROW("1", "25", "%s", "%s"), binding, servers);
	if (read_rows(t, t->sha256, row, NAN, &load, &err) < 0)
		fail_msg("%s", err.msg);
	return load;
}

static void test_figures_come_to_their_devices(void **state)
{
	(void)state;
	struct cxms_topo *t = topology();
	struct cxms_draw_load *load = good(t, "m0 device");
	assert_string_equal(load->title, "hot-local, 25 % local: slowdown 1.5");
	assert_int_equal(load->n_dev, 3);
	assert_true(fabs(load->dev[0].up.utilization - 0.81) < 1e-12);
	assert_true(fabs(load->dev[0].down.utilization - 0.25) < 1e-12);
	assert_true(load->dev[1].inside.known && load->dev[1].inside.binding);
	assert_true(fabs(load->dev[1].inside.wait_ns - 33.5) < 1e-12);
	assert_false(load->dev[1].up.known || load->dev[2].inside.known);
	assert_false(load->dev[0].up.binding || load->local.binding);
	assert_true(fabs(load->local.read_bytes_per_s - 1e11) < 1);
	assert_true(fabs(load->bridge.utilization - 0.6) < 1e-12);
	free(load);
	cxms_topo_free(t);
}

/* Results give six digits of a split, topologies and people any number. */
static void test_a_split_is_found_by_its_digits(void **state)
{
	(void)state;
	struct cxms_topo *t = topology();
	struct cxms_draw_load *load;
	struct cxms_err err = {0};
	char rows[4096];
	snprintf(rows, sizeof(rows),
		 ROW("1", "58.8235", "", "%s") "," ROW("1", "58.8245", "", "%s"), servers, servers);
	assert_int_equal(read_rows(t, t->sha256, rows, 1000.0 / 17, &load, &err), 0);
	assert_non_null(strstr(load->title, "58.8235 %"));
	free(load);
	assert_int_equal(read_rows(t, t->sha256, rows, 58.824, &load, &err), -EINVAL);
	cxms_topo_free(t);
}

static char *draw(const struct cxms_topo *t, const struct cxms_draw_load *load,
		  enum cxms_draw_format format)
{
	struct cxms_buf out = {0};
	cxms_topo_draw(t, load, format, &out);
	assert_false(out.failed);
	char *text = strdup(cxms_buf_text(&out));
	cxms_buf_fini(&out);
	return text;
}

static void test_pictures_show_loads_and_mark_the_busiest(void **state)
{
	(void)state;
	static const struct {
		const char *binding;
		enum cxms_draw_format format;
		const char *want[4];
	} rows[] = {
		{"m0 device",
		 CXMS_DRAW_TEXT,
		 {"pool\nhot-local, 25 % local: slowdown 1.5\nhost: ",
		  "|    local load 50 %, 100 GB/s read, 0 B/s written, waits 4.00 ns\n",
		  "load 93.8 % (binding), 10.0 GB/s read, 2.00 GB/s written, waits 33.5 ns\n",
		  "link up 81 %, down 25 %\n"}},
		{"sw link_up", CXMS_DRAW_TEXT, {"link up 81 % (binding), down 25 %\n"}},
		{"bridge bridge", CXMS_DRAW_TEXT, {"bridge load 60 % (binding), "}},
		{"m0 device",
		 CXMS_DRAW_DOT,
		 {"label=\"pool\\nhot-local, 25 % local: slowdown 1.5\"",
		  "waits 33.5 ns\", shape=box, color=red, penwidth=3];",
		  "label=\"Gen5 x16 68B\\nup 81 %, down 25 %\"];"}},
		{"sw link_down",
		 CXMS_DRAW_DOT,
		 {"up 81 %, down 25 % (binding)\", color=red, penwidth=3];"}},
		{"local local",
		 CXMS_DRAW_DOT,
		 {"shape=box, color=red, penwidth=3];\n\t\"port:0\""}},
		{"m0 device",
		 CXMS_DRAW_SVG,
		 {">hot-local, 25 % local: slowdown 1.5</text>",
		  "fill=\"#e3f1e1\" class=\"binding\"/>", ">up 81 %, down 25 %</text>",
		  ">load 93.8 % (binding), 10.0 GB/s read"}},
		{"sw link_up", CXMS_DRAW_SVG, {"<path class=\"binding\" d="}},
	};
	struct cxms_topo *t = topology();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct cxms_draw_load *load = good(t, rows[i].binding);
		char *text = draw(t, load, rows[i].format);
		for (size_t k = 0; k < 4 && rows[i].want[k]; k++)
			if (!strstr(text, rows[i].want[k]))
				fail_msg("no '%s' in\n%s", rows[i].want[k], text);
		free(text);
		free(load);
	}
	cxms_topo_free(t);
}

static void test_pictures_tell_models_presets_and_regions(void **state)
{
	(void)state;
	struct cxms_topo *t = topology();
	char *got = draw(t, NULL, CXMS_DRAW_TEXT);
	assert_string_equal(
		got, "pool\n"
		     "host: local 117 ns, 241 GB/s read, 241 GB/s total\n"
		     "|    preset spr\n"
		     "|    curve spr8480-ddr5\n"
		     "|    bridge 200 GB/s total\n"
		     "`- root port 0\n"
		     "   `- sw: switch, +90.0 ns, Gen5 x16 68B, 60.0 GB/s total\n"
		     "      |- m0: memdev, 128 GiB, 217 ns, Gen5 x8 68B, 24.0 GB/s read; idle 307 "
		     "ns\n"
		     "      |       preset cxl-a\n"
		     "      |       region wide, way 1 of 2, every 256 B\n"
		     "      `- m1: memdev, 3.00 GiB, 250 ns, no link stated, 30.0 GB/s total; idle "
		     "340 ns\n"
		     "              model queue, 4 channels\n"
		     "              for x 1.00 GiB, y 2.00 GiB\n"
		     "              region wide, way 2 of 2, every 256 B\n");
	free(got);
	got = draw(t, NULL, CXMS_DRAW_SVG);
	assert_non_null(strstr(got, ">model queue, 4 channels</text>"));
	free(got);
	got = draw(t, NULL, CXMS_DRAW_DOT);
	assert_non_null(strstr(got, "\\npreset cxl-a\\nregion wide, way 1 of 2, every 256 B\""));
	free(got);
	cxms_topo_free(t);
}

static void test_the_row_is_chosen_by_topology_and_split(void **state)
{
	(void)state;
	static const char rows[] = ROW("0", "0", "", SERVER("x", "device", FIGURES("1", "1", "1", "1"))) "," ROW(
		"1", "75", "",
		SERVER("m0", "device",
		       FIGURES("0.1", "1", "1",
			       "1"))) "," ROW("1", "33.3", "",
					      SERVER("m0", "device",
						     FIGURES("0.3", "1", "1",
							     "1"))) "," ROW("1", "33.3", "",
									    SERVER("m0", "device",
										   FIGURES("0.4",
											   "1", "1",
											   "1"))) "," ROW("1",
													  "0",
													  "",
													  "");
	static const struct {
		double split, want;
	} cases[] = {{NAN, 0.3}, {33.3, 0.3}, {75, 0.1}};
	struct cxms_topo *t = topology();
	struct cxms_draw_load *load;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct cxms_err err = {0};
		if (read_rows(t, t->sha256, rows, cases[i].split, &load, &err) < 0)
			fail_msg("%s", err.msg);
		assert_true(fabs(load->dev[1].inside.utilization - cases[i].want) < 1e-12);
		free(load);
	}
	cxms_topo_free(t);
}

/* Of several hosts: the busiest one's utilisation, the bytes of all. */
static void test_hosts_are_taken_together(void **state)
{
	(void)state;
	static const char rows[] =
		ROW("1", "0", "b:sw link_up",
		    "{\"host\": \"a\", \"name\": \"sw\", \"part\": \"link_up\", " FIGURES(
			    "0.3", "1e9", "2e9",
			    "5") "},"
				 "{\"host\": \"b\", \"name\": \"sw\", "
				 "\"part\": \"link_up\", " FIGURES("0.7", "3e9", "1e9", "4") "}");
	struct cxms_topo *t = topology();
	struct cxms_draw_load *load;
	struct cxms_err err = {0};
	if (read_rows(t, t->sha256, rows, NAN, &load, &err) < 0)
		fail_msg("%s", err.msg);
	const struct cxms_draw_part *up = &load->dev[0].up;
	assert_true(up->binding);
	assert_true(fabs(up->utilization - 0.7) < 1e-12);
	assert_true(fabs(up->read_bytes_per_s - 4e9) < 1);
	assert_true(fabs(up->write_bytes_per_s - 3e9) < 1);
	assert_true(fabs(up->wait_ns - 5) < 1e-12);
	free(load);
	cxms_topo_free(t);
}

static void test_what_does_not_belong_or_is_no_figure_is_refused(void **state)
{
	(void)state;
#define ONE(server) ROW("1", "0", "", server)
#define FINE	    FIGURES("0.5", "1", "1", "1")
	static const struct {
		const char *rows, *want;
		double split;
	} cases[] = {
		{ONE(""), "r.json:3:1: no row of this topology has loads of servers", NAN},
		{ONE(SERVER("m0", "device", FINE)), "no row of this topology has loads at 50 %",
		 50},
		{ONE(SERVER("m9", "device", FINE)), "server 'm9' is no device of 'pool.yaml'", NAN},
		{ONE(SERVER("m0", "port", FINE)), "'part' must be one of link_up, link_down", NAN},
		{ONE(SERVER("m0", "device", FINE) "," SERVER("m0", "device", FINE)),
		 "server 'm0' is there twice", NAN},
		{ONE(SERVER("m0", "device", FIGURES("-0.1", "1", "1", "1"))),
		 "'utilization_ratio' must be 0 .. 1e+06", NAN},
		{ONE(SERVER("m0", "device", FIGURES("nan", "1", "1", "1"))), "'utilization_ratio'",
		 NAN},
		{ONE(SERVER("m0", "device", FIGURES("null", "1", "1", "1"))), "'utilization_ratio'",
		 NAN},
		{ONE(SERVER("m0", "device", FIGURES("1e7", "1", "1", "1"))), "'utilization_ratio'",
		 NAN},
		{ONE(SERVER("m0", "device", FIGURES("1", "1e19", "1", "1"))), "'read_bytes_per_s'",
		 NAN},
		{ONE(SERVER("m0", "device", FIGURES("1", "1", "[]", "1"))), "'write_bytes_per_s'",
		 NAN},
		{ONE(SERVER("m0", "device", FIGURES("1", "1", "1", "\"x\""))), "'wait_ns'", NAN},
		{ONE("{\"name\": \"m0\", \"part\": \"device\"}"),
		 "the key 'utilization_ratio' is missing", NAN},
		{ONE("7"), "server '' is no device", NAN},
	};
	struct cxms_topo *t = topology();
	struct cxms_draw_load *load;
	struct cxms_err err = {0};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cxms_err_clear(&err);
		assert_int_equal(
			read_rows(t, t->sha256, cases[i].rows, cases[i].split, &load, &err),
			-EINVAL);
		assert_null(load);
		if (!strstr(err.msg, cases[i].want))
			fail_msg("'%s' lacks '%s'", err.msg, cases[i].want);
	}
	cxms_err_clear(&err);
	assert_int_equal(read_rows(t, "1", ONE(SERVER("m0", "device", FINE)), NAN, &load, &err),
			 -EINVAL);
	assert_non_null(strstr(err.msg, "r.json:2:1: 'pool.yaml' is not the topology of this "
					"result, or has changed since"));
	cxms_err_clear(&err);
	assert_int_equal(cxms_draw_load_read(t, "no/such.json", NAN, &load, &err), -ENOENT);
	cxms_err_clear(&err);
	assert_int_equal(cxms_draw_load_read(t, CXMS_SOURCE_DIR "/cxltopo/one-switch.yaml", NAN,
					     &load, &err),
			 -EINVAL);
	assert_non_null(strstr(err.msg, "is no result"));
	cxms_topo_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_figures_come_to_their_devices),
		cmocka_unit_test(test_a_split_is_found_by_its_digits),
		cmocka_unit_test(test_pictures_show_loads_and_mark_the_busiest),
		cmocka_unit_test(test_pictures_tell_models_presets_and_regions),
		cmocka_unit_test(test_the_row_is_chosen_by_topology_and_split),
		cmocka_unit_test(test_hosts_are_taken_together),
		cmocka_unit_test(test_what_does_not_belong_or_is_no_figure_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
