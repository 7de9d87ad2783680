/* Find a thread control block by the two words that hold its own address. */
#include "source/tls.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "base/buf.h"
#include "base/sys.h"

#define MAPS_MAX     ((size_t)64 << 20)
#define MAP_LINE     256 /* more than what stands before a path */
#define WINDOW_BYTES ((size_t)64 << 10)
#define WINDOW_STEP  (WINDOW_BYTES - 1024) /* so that no block's words are parted */
#define SMALL_BYTES  ((uint64_t)1 << 20)   /* read whole up to here */
#define BUDGET_BYTES ((uint64_t)16 << 20)  /* read for the main thread in all */
#define TCB_ALIGN    64u		   /* glibc TCB_ALIGNMENT */
#define TCB_SELF     16u		   /* offsetof(tcbhead_t, self) */
#define TCB_TID	     720u		   /* offsetof(struct pthread, tid), glibc 2.11 to now */

struct mapping {
	uint64_t lo, hi;
	bool is_rw, is_anon, is_stack, is_heap;
};

struct search {
	pid_t pid, tid; /* tid: whose memory is read */
	uint8_t *buf;	/* WINDOW_BYTES */
	uint64_t budget;
	uint64_t mine; /* block of the thread whose tid is pid, 0 = none */
	uint64_t any;
	unsigned n_any;
};

static bool map_parse(const char *line, struct mapping *m)
{
	char perms[5] = "", path[16] = "";
	uint64_t inode;

	*m = (struct mapping){0};
	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %*s %*s %" SCNu64 " %15s", &m->lo, &m->hi,
		   perms, &inode, path) < 4 ||
	    m->hi <= m->lo)
		return false;
	m->is_rw = perms[0] == 'r' && perms[1] == 'w';
	m->is_stack = !strcmp(path, "[stack]");
	m->is_heap = !strcmp(path, "[heap]");
	m->is_anon = inode == 0 && (path[0] == '\0' || !strncmp(path, "[anon:", 6));
	return true;
}

/* @fn for every mapping until it returns non-zero; 0 or -errno. */
static int each_map(pid_t pid, int (*fn)(void *arg, const struct mapping *m), void *arg)
{
	struct cxms_buf text = {0};
	int rc = cxms_sys_read_process((uint32_t)pid, "maps", MAPS_MAX, &text, NULL);
	const char *at = rc ? NULL : cxms_buf_text(&text), *end = rc ? NULL : at + text.len;

	if (rc == -ENOENT || (!rc && text.len == 0))
		rc = -ESRCH;
	while (!rc && at < end) {
		const char *eol = memchr(at, '\n', (size_t)(end - at));
		char line[MAP_LINE];
		struct mapping m;

		eol = eol ? eol : end;
		snprintf(line, sizeof(line), "%.*s", (int)(eol - at), at);
		if (map_parse(line, &m))
			rc = fn(arg, &m);
		at = eol + 1;
	}
	cxms_buf_fini(&text);
	return rc < 0 ? rc : 0;
}

/* Where the first thread has ended the memory is another's. */
static ssize_t read_at(struct search *s, uint64_t addr, size_t len)
{
	struct iovec here = {s->buf, len}, there = {(void *)(uintptr_t)addr, len};
	ssize_t got = process_vm_readv(s->tid, &here, 1, &there, 1, 0);

	if (got < 0 && errno == ESRCH) {
		uint32_t other = cxms_sys_other_thread((uint32_t)s->pid);

		s->tid = other ? (pid_t)other : s->pid;
		got = process_vm_readv(s->tid, &here, 1, &there, 1, 0);
	}
	return got < 0 ? -errno : got;
}

static uint64_t word(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* Note the blocks in [lo, hi), at most WINDOW_BYTES; *first the lowest. 0 or -errno. */
static int scan(struct search *s, uint64_t lo, uint64_t hi, uint64_t *first)
{
	size_t len = hi - lo < WINDOW_BYTES ? (size_t)(hi - lo) : WINDOW_BYTES;
	ssize_t got = read_at(s, lo, len);
	uint64_t at = (lo + TCB_ALIGN - 1) & ~(uint64_t)(TCB_ALIGN - 1);

	if (got < 0)
		return (int)got;
	for (; at - lo + TCB_SELF + 8 <= (uint64_t)got; at += TCB_ALIGN) {
		const uint8_t *p = s->buf + (at - lo);
		uint32_t tid = 0;

		if (word(p) != at || word(p + TCB_SELF) != at)
			continue;
		if (!*first)
			*first = at;
		if (at - lo + TCB_TID + sizeof(tid) <= (uint64_t)got)
			memcpy(&tid, p + TCB_TID, sizeof(tid));
		if (tid == (uint32_t)s->pid)
			s->mine = at;
		s->n_any += at != s->any;
		s->any = at;
	}
	return 0;
}

struct holder {
	uint64_t sp;
	struct mapping map;
};

static int take_holder(void *arg, const struct mapping *m)
{
	struct holder *h = arg;

	if (h->sp < m->lo || h->sp >= m->hi)
		return 0;
	h->map = *m;
	return 1;
}

/*
 * Where the main thread's block may lie. ld.so maps it last, so what the program maps later is put
 * right below and the kernel joins the two: of a large mapping, the top.
 */
static int scan_main(void *arg, const struct mapping *m)
{
	struct search *s = arg;
	uint64_t lo = m->lo, hi = m->hi, ignored = 0;

	if (!m->is_rw || !(m->is_heap || m->is_anon))
		return 0;
	if (m->is_heap && hi - lo > WINDOW_BYTES)
		hi = lo + WINDOW_BYTES;
	if (hi - lo > SMALL_BYTES)
		lo = hi - WINDOW_BYTES;
	for (uint64_t at = lo; at < hi && s->budget >= WINDOW_BYTES; at += WINDOW_STEP) {
		s->budget -= WINDOW_BYTES;
		if (scan(s, at, hi, &ignored) < 0)
			return 0; /* gone meanwhile, or not readable: try the others */
	}
	return s->mine != 0;
}

/* pthread: the lowest block above sp near it, else the one in the top of the mapping. */
static int find_on_stack(struct search *s, const struct holder *h, uint64_t *found)
{
	uint64_t top = h->map.hi - h->map.lo > WINDOW_BYTES ? h->map.hi - WINDOW_BYTES : h->map.lo;
	int rc = scan(s, h->sp, h->map.hi, found);

	if (!rc && !*found)
		rc = scan(s, top > h->sp ? top : h->sp, h->map.hi, found);
	return rc;
}

int cxms_tls_find(pid_t pid, uint64_t sp, uint64_t *fs_base)
{
	struct search s = {.pid = pid, .tid = pid, .budget = BUDGET_BYTES};
	struct holder h = {.sp = sp};
	uint64_t found = 0;
	int rc = each_map(pid, take_holder, &h);

	if (rc)
		return rc;
	if (!h.map.is_rw)
		return -ENOENT;
	s.buf = malloc(WINDOW_BYTES);
	if (!s.buf)
		return -ENOMEM;
	if (h.map.is_stack) {
		rc = each_map(pid, scan_main, &s);
		found = s.mine ? s.mine : (s.n_any == 1 ? s.any : 0);
	} else {
		rc = find_on_stack(&s, &h, &found);
	}
	free(s.buf);
	if (rc)
		return rc;
	if (!found)
		return -ENOENT;
	*fs_base = found;
	return 0;
}
