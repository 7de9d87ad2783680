#include <string.h>

#include "base/buf.h"
#include "base/cfg.h"
#include "topo/topo_priv.h"

#define FREQUENCY "host.cpu.frequency"

/* @k: NULL = every source uses it */
static void note(struct topo_build *b, const char *path, const struct topo_key *k)
{
	struct topo_owner *own = b->own;
	void *list = own->stated;
	if (cxms_array_grow(&list, &own->cap_stated, b->t->n_key + 1, sizeof(*own->stated))) {
		own->failed = true;
		return;
	}
	own->stated = list;
	own->stated[b->t->n_key++] =
		(struct cxms_stated){.key = path,
				     .reason = {[CXMS_TOPO_FOR_SAMPLED] = k ? k->unused : NULL,
						[CXMS_TOPO_FOR_EXACT] = k ? k->unused_exact : NULL},
				     .alone = k ? k->unused_alone : NULL};
}

/* Some scalar at or below @n is given in cycles. */
static bool is_cyc(const struct cxms_cfg_node *n)
{
	size_t len = n->type == CXMS_CFG_SCALAR ? strlen(n->text) : 0;
	bool cyc = len > 3 && strcmp(n->text + len - 3, "cyc") == 0;
	for (size_t i = 0; i < n->n_child && !cyc; i++)
		cyc = is_cyc(n->child[i]);
	return cyc;
}

/* Every stated key of @map and below, in file order; returns whether a used one is given in cycles.
 */
static bool walk(struct topo_build *b, const struct cxms_cfg_node *map,
		 const struct topo_table *tab, const char *path)
{
	bool cyc = false;
	for (size_t i = 0; i < map->n_child; i++) {
		const struct cxms_cfg_node *n = map->child[i];
		const struct topo_key *k = topo_find_key(tab, n->key);
		if (!k) /* x-... */
			continue;
		const char *key = topo_printf(b->own, "%s.%s", path, n->key);
		if (!key)
			return cyc;
		if (k->sub && n->type == CXMS_CFG_MAP) {
			cyc |= walk(b, n, k->sub, key);
			continue;
		}
		note(b, key, k);
		cyc |= !k->unused && is_cyc(n);
	}
	return cyc;
}

static bool walk_devices(struct topo_build *b, const struct cxms_cfg_node *devices)
{
	bool cyc = false;
	for (size_t i = 0; i < devices->n_child; i++) {
		const struct cxms_cfg_node *n = devices->child[i];
		const char *path = topo_printf(b->own, "devices.%s", n->key);
		if (path && strncmp(n->key, "x-", 2) != 0)
			cyc |= walk(b, n, &topo_keys_device, path);
	}
	return cyc;
}

void topo_note_stated(struct topo_build *b, const struct cxms_cfg_node *root)
{
	bool cyc = false;
	for (size_t i = 0; i < root->n_child; i++) {
		const struct cxms_cfg_node *n = root->child[i];
		if (strcmp(n->key, "host") == 0)
			cyc |= walk(b, n, &topo_keys_host, "host");
		else if (strcmp(n->key, "devices") == 0)
			cyc |= walk_devices(b, n);
		else if (strcmp(n->key, "regions") == 0)
			note(b, "regions", NULL);
		else if (strcmp(n->key, "placement") == 0)
			walk(b, n, &topo_keys_placement, "placement");
	}
	/* the frequency matters only where it turns cycles of a used key into time */
	for (size_t i = 0; i < b->t->n_key && !cyc; i++) {
		struct cxms_stated *s = &b->own->stated[i];
		if (strcmp(s->key, FREQUENCY) == 0)
			s->reason[CXMS_TOPO_FOR_SAMPLED] =
				"no key that these sources use is given in cyc";
	}
	for (size_t i = 0; i < b->t->n_assumed && !cyc; i++)
		if (strcmp(b->own->assumed[i].key, FREQUENCY) == 0)
			b->own->assumed[i].exact_only = true;
}

void cxms_topo_ignored(const struct cxms_topo *t, enum cxms_topo_source source, bool hosts,
		       void (*cb)(void *arg, const struct cxms_ignored *key), void *arg)
{
	static const char *const names[CXMS_TOPO_SOURCES] = {
		[CXMS_TOPO_FOR_SAMPLED] = "clock, ptrace", [CXMS_TOPO_FOR_EXACT] = "exact"};
	for (size_t i = 0; i < t->n_key; i++) {
		const struct cxms_stated *s = &t->stated[i];
		struct cxms_ignored k = {
			.key = s->key, .source = names[source], .reason = s->reason[source]};
		if (!k.reason && !hosts)
			k.reason = s->alone;
		if (k.reason)
			cb(arg, &k);
	}
}
