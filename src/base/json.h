/* JSON values: built as a tree, printed with sorted keys and fixed number formats, so bytes are
 * reproducible. */
#ifndef CXMS_BASE_JSON_H
#define CXMS_BASE_JSON_H

#include <stdbool.h>
#include <stdint.h>

struct cxms_buf;
struct cxms_json; /* opaque value: object, array or scalar */

/* Constructors return NULL when memory is out; a NULL child poisons the tree: cxms_json_print()
 * then fails. */
struct cxms_json *cxms_json_object(void);
struct cxms_json *cxms_json_array(void);
struct cxms_json *cxms_json_str(const char *s); /* bytes that are not UTF-8 are escaped as U+FFFD */
struct cxms_json *cxms_json_num(double v);	/* "%.6g"; NaN and infinities become null */
struct cxms_json *cxms_json_u64(uint64_t v);
struct cxms_json *cxms_json_i64(int64_t v);
struct cxms_json *cxms_json_bool(bool v);
struct cxms_json *cxms_json_null(void);
/** takes @value */
void cxms_json_set(struct cxms_json *object, const char *key, struct cxms_json *value);
/** takes @value */
void cxms_json_push(struct cxms_json *array, struct cxms_json *value);
/** two-space indentation, keys in byte order, one final newline; 0 or -ENOMEM */
int cxms_json_print(const struct cxms_json *v, struct cxms_buf *out);
void cxms_json_free(struct cxms_json *v);

#endif
