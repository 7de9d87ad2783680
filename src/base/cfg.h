/* Configuration tree: what a YAML (or JSON) file says, every node with its file, line and column.
 */
#ifndef CXMS_BASE_CFG_H
#define CXMS_BASE_CFG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/units.h"

struct cxms_err;

enum cxms_cfg_type { CXMS_CFG_SCALAR, CXMS_CFG_MAP, CXMS_CFG_SEQ };

/** struct cxms_cfg_node - read only after load; children in file order; text borrowed until free */
struct cxms_cfg_node {
	enum cxms_cfg_type type;
	bool quoted;		      /* scalar: written in quotes, so never a number or bool */
	const char *key;	      /* in a map: the key; else NULL */
	const char *text;	      /* scalar: its text; else NULL */
	unsigned line, col;	      /* 1-based position of the value */
	unsigned key_line, key_col;   /* of the key, in a map */
	struct cxms_cfg_node **child; /* map and sequence */
	size_t n_child;
	struct cxms_cfg *cfg;
};

struct cxms_cfg; /* one loaded file; owns its nodes */

/**
 * cxms_cfg_load_yaml() - read one YAML document
 * @path: for reading and for messages; "-" is not special
 *
 * Limits: 4 MiB, nesting 32, 100,000 nodes. Refused with file:line:col: anchors/aliases that
 * recurse, duplicate keys, several documents, keys that are not scalars, NUL bytes, bad UTF-8.
 * Return: 0, -ENOENT, -EACCES, -EINVAL, -EFBIG, -ENOMEM. Owner: caller frees with cxms_cfg_free()
 */
int cxms_cfg_load_yaml(const char *path, struct cxms_cfg **out, struct cxms_err *err);
/** the same for results that this program wrote: 1 GiB, 2^25 nodes */
int cxms_cfg_load_result(const char *path, struct cxms_cfg **out, struct cxms_err *err);
/** as cxms_cfg_load_yaml() from memory; @name stands in messages */
int cxms_cfg_load_yaml_mem(const char *name, const void *data, size_t len, struct cxms_cfg **out,
			   struct cxms_err *err);
void cxms_cfg_free(struct cxms_cfg *cfg);
/** the root and all below it are borrowed until free, and so is the name of the file */
const struct cxms_cfg_node *cxms_cfg_root(const struct cxms_cfg *cfg);
const char *cxms_cfg_file(const struct cxms_cfg *cfg);
/** sha256 of the file's bytes in lower-case hex, 64 characters; after cxms_cfg_vary() another */
const char *cxms_cfg_sha256(const struct cxms_cfg *cfg);
/** child of a map by key, NULL when absent or not a map */
const struct cxms_cfg_node *cxms_cfg_get(const struct cxms_cfg_node *map, const char *key);

/**
 * cxms_cfg_set() - hang the root of @value in where a dotted path leads, in place of what is there
 * @path: keys, and numbers from 0 in lists: "devices.mem0.latency"; keys that are missing are made
 * @value: its root takes the last key of @path, at that word's place in line 1; must outlive @cfg
 * Return: 0, -EINVAL (an empty part, below what is no map or list, beyond a list's end), -ENOMEM
 */
int cxms_cfg_set(struct cxms_cfg *cfg, const char *path, struct cxms_cfg *value,
		 struct cxms_err *err);

/**
 * cxms_cfg_vary() - the tree is a variant of its file: another sha256
 * It becomes that of the text "A B", A the file's and B that of @how, which tells all that was set.
 */
void cxms_cfg_vary(struct cxms_cfg *cfg, const char *how);

/** struct cxms_cfg_errors - collects every error of a file, in order, "file:line:col: what" per
 * line */
struct cxms_cfg_errors {
	char *text; /* lines, each ended by \n; NULL = none */
	size_t len, n;
};
/** @node gives the position (its key's when @at_key) */
void cxms_cfg_error(struct cxms_cfg_errors *errs, const struct cxms_cfg_node *node, bool at_key,
		    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
void cxms_cfg_errors_fini(struct cxms_cfg_errors *errs);

/* Typed scalars: on failure one error is collected and false returned, *out untouched. */
bool cxms_cfg_quantity(const struct cxms_cfg_node *n, enum cxms_unit unit, uint64_t hz,
		       uint64_t min, uint64_t max, uint64_t *out, struct cxms_cfg_errors *errs);
bool cxms_cfg_double(const struct cxms_cfg_node *n, double min, double max, double *out,
		     struct cxms_cfg_errors *errs);
bool cxms_cfg_bool(const struct cxms_cfg_node *n, bool *out, struct cxms_cfg_errors *errs);
/** one of @words (NULL-terminated): its index */
bool cxms_cfg_word(const struct cxms_cfg_node *n, const char *const *words, int *out,
		   struct cxms_cfg_errors *errs);
/** reports every key of @map not in @known (NULL-terminated) and not starting "x-"; names the
 * nearest known key */
void cxms_cfg_only(const struct cxms_cfg_node *map, const char *const *known,
		   struct cxms_cfg_errors *errs);

#endif
