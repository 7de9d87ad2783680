#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/cfg.h"
#include "base/err.h"
#include "base/fmt.h"
#include "base/near.h"
#include "base/wire.h"
#include "topo/topo_priv.h"

#define CURVE_FOLDER	"curves"
#define CURVE_SUFFIX	".csv"
#define CURVE_MAX_BYTES (1u << 20)
/* A stated figure that is further than this from an absolute curve contradicts it: about what two
 * runs of one benchmark differ by. */
#define CXMS_ASSUMED_CURVE_SLACK 0.10

static bool is_path(const char *name)
{
	size_t len = strlen(name), tail = strlen(CURVE_SUFFIX);
	return strchr(name, '/') || (len > tail && strcmp(name + len - tail, CURVE_SUFFIX) == 0);
}

/* @name@suffix as seen from the folder of the topology file. */
static const char *beside(struct topo_build *b, const char *name, const char *suffix)
{
	const char *slash = strrchr(b->t->file, '/');
	int dir = slash && name[0] != '/' ? (int)(slash - b->t->file + 1) : 0;
	return topo_printf(b->own, "%.*s%s%s", dir, b->t->file, name, suffix);
}

static void fail_unknown(struct topo_build *b, const struct cxms_cfg_node *n, const char *name)
{
	struct topo_names known = {0};
	struct cxms_buf list = {0};
	char mean[CXMS_NEAR_MEAN_MAX];
	struct cxms_near near;
	cxms_near_init(&near, name);
	topo_data_names(CURVE_FOLDER, CURVE_SUFFIX, &known);
	for (size_t i = 0; i < known.n; i++)
		cxms_near_try(&near, known.name[i]);
	topo_data_join(&known, &list);
	cxms_cfg_error(&b->errs, n, false,
		       "no curve '%s' beside this file or among the known ones%s: %s", name,
		       cxms_near_mean(mean, "", near.best), cxms_buf_text(&list));
	cxms_buf_fini(&list);
	topo_names_free(&known);
}

/* Where the curve lies; @shown: how `topo show` names it. NULL with an error. */
static const char *find_curve(struct topo_build *b, const struct cxms_cfg_node *n, const char *name,
			      const char **shown)
{
	char room[PATH_MAX];
	const char *path = beside(b, name, is_path(name) ? "" : CURVE_SUFFIX);
	*shown = path;
	if (!path || is_path(name) || topo_is_file(path))
		return path;
	path = topo_printf(b->own, "%s/" CURVE_FOLDER "/%s" CURVE_SUFFIX, topo_data_dir(room),
			   name);
	*shown = name;
	if (path && topo_is_file(path))
		return path;
	fail_unknown(b, n, name);
	return NULL;
}

/* A curve that many devices use is read once. */
static const struct cxms_topo_curve *known_curve(struct topo_build *b, const char *shown)
{
	for (size_t i = 0; i < b->own->n_curve; i++)
		if (strcmp(b->own->curve[i]->name, shown) == 0)
			return b->own->curve[i];
	return NULL;
}

static const struct cxms_topo_curve *load_curve(struct topo_build *b, const struct cxms_cfg_node *n,
						const char *name)
{
	const struct cxms_topo_curve *c = NULL;
	struct cxms_buf data = {0};
	struct cxms_err err = {0};
	const char *shown, *path = find_curve(b, n, name, &shown);
	void *list = b->own->curve;
	if (!path || (c = known_curve(b, shown)))
		return c;
	int rc = topo_data_read(path, CURVE_MAX_BYTES, &data, &err);
	if (rc == 0)
		rc = topo_curve_parse(b->own, shown, path, data.data, data.len, &c, &err);
	if (rc == 0)
		topo_note_data(b, &data);
	cxms_buf_fini(&data);
	if (rc == 0 && cxms_array_grow(&list, &b->own->cap_curve, b->own->n_curve + 1,
				       sizeof(*b->own->curve)) < 0)
		b->own->failed = true;
	else if (rc == 0) {
		b->own->curve = list;
		b->own->curve[b->own->n_curve++] = c;
	}
	if (rc < 0)
		cxms_cfg_error(&b->errs, n, false, "%s", err.msg);
	return c;
}

static bool read_name(struct topo_build *b, const struct cxms_cfg_node *n, const char **name)
{
	if (n->type == CXMS_CFG_SCALAR && is_path(n->text) && topo_is_title(n->text)) {
		*name = n->text;
		return true;
	}
	return topo_read_ident(b, n, name);
}

void topo_read_curve(struct topo_build *b, const struct cxms_cfg_node *map, const char *path,
		     struct cxms_memory *m)
{
	const struct cxms_cfg_node *n = cxms_cfg_get(map, "curve"), *at = n;
	const char *name;
	if (!n)
		return;
	if (cxms_cfg_get(map, "model"))
		cxms_cfg_error(&b->errs, n, true,
			       "'curve' stands beside 'model'; a curve is the model: remove one");
	if (n->type == CXMS_CFG_MAP) {
		topo_is_map(b, n, &topo_keys_curve);
		const struct cxms_cfg_node *v = cxms_cfg_get(n, "absolute");
		if (v)
			cxms_cfg_bool(v, &m->curve_absolute, &b->errs);
		at = cxms_cfg_get(n, "name");
		if (!at)
			cxms_cfg_error(&b->errs, n, true, "'curve' lacks the key 'name'");
	}
	if (!at || !read_name(b, at, &name))
		return;
	m->curve = load_curve(b, at, name);
	m->model = CXMS_MODEL_CURVE;
	m->stated = true;
	if (m->curve && m->curve->assumed)
		topo_assume(b, path, "curve", m->curve->name, m->curve->assumed);
}

/*
 * The caps that a curve's own peaks are: any mix, and the reads of the highest share that was
 * measured, when that is one of reads.
 */
static struct cxms_bw peak_bw(const struct cxms_topo_curve *c)
{
	struct cxms_bw bw = {CXMS_UNLIMITED, CXMS_UNLIMITED, 0};
	for (size_t i = 0; i < c->n_part; i++) {
		uint64_t peak = (uint64_t)(topo_curve_peak(&c->part[i]) + 0.5);
		if (i + 1 == c->n_part && c->part[i].read_pct >= 50)
			bw.read = (uint64_t)((double)peak * c->part[i].read_pct / 100 + 0.5);
		if (peak > bw.total)
			bw.total = peak;
	}
	return bw;
}

static void take_peak(struct topo_build *b, const char *path, const struct cxms_memory *m,
		      struct cxms_bw *bw)
{
	char read[CXMS_FMT_MAX], total[CXMS_FMT_MAX];
	*bw = peak_bw(m->curve);
	cxms_fmt_quantity(total, CXMS_UNIT_BYTES_PER_S, bw->total);
	if (bw->read == CXMS_UNLIMITED)
		snprintf(read, sizeof(read), "unlimited");
	else
		cxms_fmt_quantity(read, CXMS_UNIT_BYTES_PER_S, bw->read);
	topo_assume(b, path, "bandwidth",
		    topo_printf(b->own, "{read: %s, write: unlimited, total: %s}", read, total),
		    topo_printf(b->own, "not stated; the peak of curve '%.100s'", m->curve->name));
}

/* Most payload at a read share that the stated rates allow. */
static double cap_at(const struct cxms_bw *bw, double read_share)
{
	double cap = bw->total == CXMS_UNLIMITED ? INFINITY : (double)bw->total;
	if (bw->read != CXMS_UNLIMITED && read_share > 0)
		cap = fmin(cap, (double)bw->read / read_share);
	if (bw->write != CXMS_UNLIMITED && read_share < 1)
		cap = fmin(cap, (double)bw->write / (1 - read_share));
	return cap;
}

static void fail_contradiction(struct topo_build *b, const struct cxms_cfg_node *n,
			       const struct cxms_curve_part *part, double allowed)
{
	char have[CXMS_FMT_MAX], peak[CXMS_FMT_MAX];
	cxms_cfg_error(&b->errs, n, true,
		       "'%s' gives %s at %g %% reads, but the absolute curve reaches %s there; "
		       "change '%s', or remove 'absolute'",
		       n->key, cxms_fmt_rate(have, allowed), part->read_pct,
		       cxms_fmt_rate(peak, topo_curve_peak(part)), n->key);
}

/* A link carries more than the curve or is as fast; never less. */
static void check_link(struct topo_build *b, const struct cxms_cfg_node *n,
		       const struct cxms_topo_curve *c, const struct cxms_link *link)
{
	double dir = cxms_link_usable_bytes_per_s(link->gen, link->width,
						  link->flit != CXMS_FLIT_68B, link->encoding);
	for (size_t i = 0; dir > 0 && i < c->n_part; i++) {
		double most = cxms_link_peak_bytes_per_s(dir, c->part[i].read_pct / 100);
		if (most >= topo_curve_peak(&c->part[i]) * (1 - CXMS_ASSUMED_CURVE_SLACK))
			continue;
		fail_contradiction(b, n, &c->part[i], most);
		return;
	}
}

/* Stated rates: at no share below the curve, and at the share where they are nearest not above. */
static void check_bandwidth(struct topo_build *b, const struct cxms_cfg_node *n,
			    const struct cxms_topo_curve *c, const struct cxms_bw *bw)
{
	const struct cxms_curve_part *near = NULL;
	double nearest = INFINITY;
	for (size_t i = 0; i < c->n_part; i++) {
		const struct cxms_curve_part *part = &c->part[i];
		double over = cap_at(bw, part->read_pct / 100) / topo_curve_peak(part);
		if (over >= nearest)
			continue;
		nearest = over;
		near = part;
	}
	if (near &&
	    (nearest < 1 - CXMS_ASSUMED_CURVE_SLACK || nearest > 1 + CXMS_ASSUMED_CURVE_SLACK))
		fail_contradiction(b, n, near, nearest * topo_curve_peak(near));
}

void topo_curve_capacity(struct topo_build *b, const struct cxms_cfg_node *map, const char *path,
			 const struct cxms_memory *m, const struct cxms_link *link,
			 struct cxms_bw *bw)
{
	const struct cxms_cfg_node *rates = cxms_cfg_get(map, "bandwidth");
	const struct cxms_cfg_node *wire = cxms_cfg_get(map, "link");
	if (!m->curve)
		return;
	if (!rates)
		take_peak(b, path, m, bw);
	else if (m->curve_absolute)
		check_bandwidth(b, rates, m->curve, bw);
	if (wire && m->curve_absolute)
		check_link(b, wire, m->curve, link);
}
