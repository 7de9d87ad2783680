#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cfg.h"
#include "base/fmt.h"
#include "topo/topo_priv.h"

__extension__ typedef unsigned __int128 u128;

static void *keep(struct topo_owner *own, void *p)
{
	void *list = own->block;
	if (!p || cxms_array_grow(&list, &own->cap_block, own->n_block + 1, sizeof(*own->block))) {
		own->failed = true;
		free(p);
		return NULL;
	}
	own->block = list;
	own->block[own->n_block++] = p;
	return p;
}

void *topo_alloc(struct topo_owner *own, size_t n, size_t size)
{
	return keep(own, calloc(n ? n : 1, size));
}

const char *topo_printf(struct topo_owner *own, const char *fmt, ...)
{
	va_list ap;
	char *text = NULL;
	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	return keep(own, text);
}

void topo_owner_free(struct topo_owner *own)
{
	if (!own)
		return;
	for (size_t i = 0; i < own->n_block; i++)
		free(own->block[i]);
	free(own->block);
	free(own->assumed);
	free(own->stated);
	free(own->curve);
	free(own);
}

void topo_assume(struct topo_build *b, const char *path, const char *key, const char *value,
		 const char *reason)
{
	struct topo_owner *own = b->own;
	void *list = own->assumed;
	if (cxms_array_grow(&list, &own->cap_assumed, b->t->n_assumed + 1, sizeof(*own->assumed))) {
		own->failed = true;
		return;
	}
	own->assumed = list;
	own->assumed[b->t->n_assumed++] = (struct cxms_assumed){
		.key = topo_printf(own, "%s.%s", path, key),
		.value = topo_printf(own, "%s", value),
		.reason = topo_printf(own, "%s", reason),
	};
}

void topo_assume_exact_only(struct topo_build *b)
{
	if (!b->own->failed)
		b->own->assumed[b->t->n_assumed - 1].exact_only = true;
}

void topo_not_yet(struct topo_build *b, const struct cxms_cfg_node *n, const char *what,
		  const char *remedy)
{
	b->n_not_yet++;
	cxms_cfg_error(&b->errs, n, false, "%s is not modelled yet; %s", what, remedy);
}

bool topo_is_map(struct topo_build *b, const struct cxms_cfg_node *node,
		 const struct topo_table *tab)
{
	const char *known[TOPO_MAX_KEYS + 1] = {NULL};
	assert(tab->n <= TOPO_MAX_KEYS);
	for (size_t i = 0; i < tab->n; i++)
		known[i] = tab->key[i].name;
	cxms_cfg_only(node, known, &b->errs);
	return node->type == CXMS_CFG_MAP;
}

const struct topo_key *topo_find_key(const struct topo_table *tab, const char *name)
{
	for (size_t i = 0; i < tab->n; i++)
		if (strcmp(tab->key[i].name, name) == 0)
			return &tab->key[i];
	return NULL;
}

static void store(const struct topo_key *k, void *base, uint64_t v)
{
	char *at = (char *)base + k->offset;
	uint32_t v32 = (uint32_t)v;
	bool flag = v != 0;
	switch (k->store) {
	case TOPO_U32:
		memcpy(at, &v32, sizeof(v32));
		break;
	case TOPO_U64:
		memcpy(at, &v, sizeof(v));
		break;
	case TOPO_BOOL:
		memcpy(at, &flag, sizeof(flag));
		break;
	}
}

/* Whole cycles nearest to a time, at least one, never so many that printed back they pass k->max.
 */
static uint64_t to_cycles(const struct topo_key *k, uint64_t ps, uint64_t hz)
{
	uint64_t cyc = (uint64_t)(((u128)ps * hz + CXMS_PS_PER_S / 2) / CXMS_PS_PER_S);
	if (cyc > 1 && (u128)cyc * CXMS_PS_PER_S > (u128)k->max * hz)
		cyc--;
	return cyc ? cyc : 1;
}

bool topo_read_key(struct topo_build *b, const struct cxms_cfg_node *n, const struct topo_key *k,
		   void *base)
{
	uint64_t v = 0;
	int word = 0;
	bool ok = k->kind == TOPO_WORD
			  ? cxms_cfg_word(n, k->words, &word, &b->errs)
			  : cxms_cfg_quantity(n, k->unit, b->hz, k->min, k->max, &v, &b->errs);
	if (!ok)
		return false;
	if (k->kind == TOPO_WORD)
		v = (uint64_t)word;
	if (k->kind == TOPO_CYC)
		v = to_cycles(k, v, b->hz);
	store(k, base, v);
	return true;
}

void topo_assume_key(struct topo_build *b, const struct topo_key *k, const char *path, void *base)
{
	char value[CXMS_FMT_MAX];
	if (k->kind == TOPO_WORD)
		snprintf(value, sizeof(value), "%s", k->words[k->assumed]);
	else if (k->kind == TOPO_CYC)
		snprintf(value, sizeof(value), "%" PRIu64 "cyc", k->assumed);
	else
		cxms_fmt_quantity(value, (int)k->unit, k->assumed);
	topo_assume(b, path, k->name, value, k->reason);
	if (k->unused)
		topo_assume_exact_only(b);
	store(k, base, k->assumed);
}

void topo_read_keys(struct topo_build *b, const struct cxms_cfg_node *map,
		    const struct topo_table *tab, const char *path, void *base)
{
	for (size_t i = 0; i < tab->n; i++) {
		const struct topo_key *k = &tab->key[i];
		const struct cxms_cfg_node *n = cxms_cfg_get(map, k->name);
		if (k->kind == TOPO_OWN)
			continue;
		if (n)
			topo_read_key(b, n, k, base);
		else if (map && k->required)
			cxms_cfg_error(&b->errs, map, true, "'%s' lacks the key '%s'", path,
				       k->name);
		else if (k->reason)
			topo_assume_key(b, k, path, base);
	}
}

bool topo_is_word(const struct cxms_cfg_node *n, const char *word)
{
	return n && n->type == CXMS_CFG_SCALAR && strcmp(n->text, word) == 0;
}

void topo_read_bandwidth(struct topo_build *b, const struct cxms_cfg_node *n, const char *path,
			 struct cxms_bw *bw)
{
	const struct topo_table *tab = &topo_keys_bandwidth;
	*bw = (struct cxms_bw){CXMS_UNLIMITED, CXMS_UNLIMITED, CXMS_UNLIMITED};
	if (topo_is_word(n, "unlimited"))
		return;
	if (n->type == CXMS_CFG_SCALAR) {
		cxms_cfg_quantity(n, CXMS_UNIT_BYTES_PER_S, 0, tab->key[0].min, tab->key[0].max,
				  &bw->total, &b->errs);
		return;
	}
	if (!topo_is_map(b, n, tab))
		return;
	for (size_t i = 0; i < tab->n; i++) {
		const struct topo_key *k = &tab->key[i];
		const struct cxms_cfg_node *v = cxms_cfg_get(n, k->name);
		uint64_t rate;
		char key[32];
		snprintf(key, sizeof(key), "bandwidth.%s", k->name);
		if (!v)
			topo_assume(b, path, key, "unlimited",
				    "not stated; only the other figures and the link bound it");
		else if (!topo_is_word(v, "unlimited") &&
			 cxms_cfg_quantity(v, k->unit, 0, k->min, k->max, &rate, &b->errs))
			memcpy((char *)bw + k->offset, &rate, sizeof(rate));
	}
}

bool topo_is_ident(const char *s)
{
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:-");
	return n > 0 && n <= TOPO_MAX_NAME_BYTES && s[n] == '\0' && s[0] != '-' && s[0] != '.';
}

/*
 * UTF-8 text that YAML, XML and a terminal line can carry as it is: no control characters, line or
 * paragraph separators, byte order mark or noncharacters. The reader has checked the encoding.
 */
bool topo_is_title(const char *s)
{
	size_t n = strlen(s);
	if (n == 0 || n > TOPO_MAX_TITLE_BYTES)
		return false;
	for (const unsigned char *p = (const unsigned char *)s; *p; p++) {
		if (*p < 0x20 || *p == 0x7f)
			return false;
		if (*p == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f)
			return false; /* C1 controls */
		if (*p == 0xe2 && p[1] == 0x80 && (p[2] == 0xa8 || p[2] == 0xa9))
			return false; /* U+2028, U+2029 */
		if (*p == 0xef && p[1] == 0xbb && p[2] == 0xbf)
			return false; /* U+FEFF */
		if (*p == 0xef && p[1] == 0xbf && p[2] >= 0xbe)
			return false; /* U+FFFE, U+FFFF */
	}
	return true;
}

bool topo_read_ident(struct topo_build *b, const struct cxms_cfg_node *n, const char **out)
{
	if (n->type == CXMS_CFG_SCALAR && topo_is_ident(n->text)) {
		*out = topo_printf(b->own, "%s", n->text);
		return true;
	}
	cxms_cfg_error(&b->errs, n, false,
		       "%s%s%s must be a name of 1 .. %u letters, digits, '_', '.', ':' or '-'",
		       n->key ? "'" : "", n->key ? n->key : "the value", n->key ? "'" : "",
		       TOPO_MAX_NAME_BYTES);
	return false;
}
