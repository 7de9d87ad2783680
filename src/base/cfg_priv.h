/* Inside base only: how a reader of a file format builds a configuration tree. */
#ifndef CXMS_BASE_CFG_PRIV_H
#define CXMS_BASE_CFG_PRIV_H

#include "base/cfg.h"
#include "base/cfg_sha256.h"

#define CXMS_CFG_MAX_BYTES (4u << 20)
#define CXMS_CFG_MAX_DEPTH 32u
#define CXMS_CFG_MAX_NODES 100000u
/* of all keys and scalars: escapes grow a text by half at most; beyond that only aliases do */
#define CXMS_CFG_MAX_TEXT (8u << 20)
/* Of a result, ours: 100,000 rows of a sweep have 4 KiB and 100 values each. */
#define CXMS_CFG_RESULT_BYTES (1u << 30)
#define CXMS_CFG_RESULT_NODES (1u << 25)

/** struct cxms_cfg_limits - what one file may hold at most */
struct cxms_cfg_limits {
	size_t bytes, nodes, text;
};

struct cxms_cfg {
	struct cxms_cfg_limits most;
	char *file;
	char sha256[CXMS_SHA256_HEX_MAX];
	struct cxms_cfg_node *root;
	struct cxms_cfg_node **node; /* all of them, for freeing */
	size_t n_node, cap_node;
	size_t text_bytes;
};

/** an empty tree named @file; NULL when memory is out */
struct cxms_cfg *cxms_cfg_new(const char *file, const void *data, size_t len);
/** cxms_cfg_new_node() - a node owned by @cfg; 0, -ENOMEM, -EFBIG (too many) */
int cxms_cfg_new_node(struct cxms_cfg *cfg, enum cxms_cfg_type type, struct cxms_cfg_node **out);
/** cxms_cfg_new_text() - a counted copy of @len bytes; caller hands it to a node; 0, -ENOMEM,
 * -EFBIG */
int cxms_cfg_new_text(struct cxms_cfg *cfg, const char *text, size_t len, const char **out);

#endif
