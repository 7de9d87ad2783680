/* /proc/<pid>/maps: what is mapped when no record told, as after mremap(2), or where no records
 * come. */
#include "source/maps.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/sys.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#define MAPS_MAX (64u << 20)

/* Takes a number of @base up to @stop, which is taken too. */
static bool take_number(struct cxms_cur *c, unsigned base, char stop, uint64_t *out)
{
	uint64_t v = 0;
	bool any = false;

	while (c->p < c->end && isxdigit(*c->p)) {
		unsigned digit = isdigit(*c->p) ? *c->p - (unsigned)'0'
						: (*c->p | 32u) - (unsigned)'a' + 10u;

		if (digit >= base || v > (UINT64_MAX - digit) / base)
			return false;
		v = v * base + digit;
		any = true;
		c->p++;
	}
	if (!any || (c->p < c->end ? *c->p != (uint8_t)stop : stop != ' '))
		return false;
	c->p += c->p < c->end;
	*out = v;
	return true;
}

static bool take_mode(struct cxms_cur *c, struct cxms_map *out)
{
	if (c->end - c->p < 5 || c->p[4] != ' ')
		return false;
	out->prot = (c->p[0] == 'r' ? PROT_READ : 0u) | (c->p[1] == 'w' ? PROT_WRITE : 0u) |
		    (c->p[2] == 'x' ? PROT_EXEC : 0u);
	out->flags = c->p[3] == 's' ? MAP_SHARED : MAP_PRIVATE;
	c->p += 5;
	return true;
}

bool cxms_maps_parse_line(const char *line, size_t len, struct cxms_map *out,
			  struct cxms_file_id *id, char *path, size_t cap)
{
	struct cxms_cur c = {.p = (const uint8_t *)line, .end = (const uint8_t *)line + len};
	struct cxms_map map = {0};
	struct cxms_file_id file = {0};
	uint64_t end, maj, min;

	if (!take_number(&c, 16, '-', &map.addr) || !take_number(&c, 16, ' ', &end) ||
	    !take_mode(&c, &map) || !take_number(&c, 16, ' ', &map.file_off) ||
	    !take_number(&c, 16, ':', &maj) || !take_number(&c, 16, ' ', &min) ||
	    !take_number(&c, 10, ' ', &file.ino) || end <= map.addr || maj > UINT32_MAX ||
	    min > UINT32_MAX)
		return false;
	map.len = end - map.addr;
	file.maj = (uint32_t)maj;
	file.min = (uint32_t)min;
	while (c.p < c.end && *c.p == ' ')
		c.p++;
	len = (size_t)(c.end - c.p);
	if (len >= cap)
		len = cap - 1;
	memcpy(path, c.p, len);
	path[len] = 0;
	map.path = path;
	if (!map.path[0])
		map.flags |= MAP_ANONYMOUS;
	*out = map;
	*id = file;
	return true;
}

/* The end of the known part that begins at @addr, or @addr when it is not known. */
static uint64_t known_until(const struct cxms_space *s, const struct cxms_map *map,
			    const struct cxms_file_id *id, uint64_t addr)
{
	const struct cxms_mapping *at = cxms_maps_find(s, addr);
	bool is_code = map->prot & PROT_EXEC;

	if (!at || is_code != (at->module != NULL))
		return addr;
	if (is_code && at->module->kind == CXMS_MODULE_FILE &&
	    (!cxms_module_is(at->module, map->path, id) ||
	     at->start - at->file_off != map->addr - map->file_off))
		return addr;
	return at->end;
}

/* Adds the parts of @map that are not known. */
static int add_unknown(struct cxms_maps *m, struct cxms_space *s, const struct cxms_map *map,
		       const struct cxms_file_id *id, cxms_maps_found_fn found, void *arg,
		       struct cxms_err *err)
{
	uint64_t at = map->addr, end = map->addr + map->len;
	int rc = 0;

	while (!rc && at < end) {
		struct cxms_map part = *map;
		uint64_t known = known_until(s, map, id, at);

		if (known > at) {
			at = known;
			continue;
		}
		part.addr = at;
		part.len = end - at;
		part.file_off = map->file_off + (at - map->addr);
		/* Up to the next part that is known already. */
		for (size_t i = cxms_maps_first_above(s, at); i < s->n && s->map[i].start < end;
		     i++) {
			if (s->map[i].start > at &&
			    known_until(s, map, id, s->map[i].start) > s->map[i].start) {
				part.len = s->map[i].start - at;
				break;
			}
		}
		rc = cxms_maps_add(m, s, &part, id, err);
		if (!rc)
			found(arg, &part);
		at = part.addr + part.len;
	}
	return rc;
}

int cxms_maps_look(struct cxms_maps *m, struct cxms_space *s, cxms_maps_found_fn found, void *arg,
		   struct cxms_err *err)
{
	char path[4096];
	struct cxms_buf text = {0};
	const char *line, *end;
	int rc = cxms_sys_read_process(s->pid, "maps", MAPS_MAX, &text, err);

	s->looked_ns = cxms_now_ns();
	s->looked_ok = !rc && text.len > 0;
	line = rc ? NULL : cxms_buf_text(&text);
	end = rc ? NULL : line + text.len;
	while (!rc && line < end) {
		const char *eol = memchr(line, '\n', (size_t)(end - line));
		struct cxms_file_id id;
		struct cxms_map map;

		if (!eol)
			eol = end;
		/* The vsyscall page lies above user space. */
		if (cxms_maps_parse_line(line, (size_t)(eol - line), &map, &id, path,
					 sizeof(path)) &&
		    map.addr < UINT64_C(1) << 47)
			rc = add_unknown(m, s, &map, &id, found, arg, err);
		line = eol + 1;
	}
	cxms_buf_fini(&text);
	return rc;
}
