#include "source/module.h"

#include "base/err.h"
#include "base/rng.h"
#include "base/sys.h"
#include "source/buildid.h"
#include "source/sym.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <unistd.h>

/* Is @fd the file the mapping named? Fills in the build id when the mapping brought none. */
static bool verify(struct cxms_module *m, const struct stat *st)
{
	struct cxms_file_id *id = &m->id;
	uint8_t found[CXMS_BUILD_ID_MAX];
	uint8_t len = cxms_buildid_read(m->fd, found);
	bool same = false;

	if (id->build_id_len)
		return len == id->build_id_len && !memcmp(found, id->build_id, len);
	if (id->ino)
		same = st->st_ino == id->ino && major(st->st_dev) == id->maj &&
		       minor(st->st_dev) == id->min;
	if (same && len) {
		memcpy(id->build_id, found, len);
		id->build_id_len = len;
	}
	return same;
}

static void open_path(struct cxms_module *m, const char *path)
{
	struct stat st;

	m->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (m->fd < 0)
		return;
	if (fstat(m->fd, &st) || !S_ISREG(st.st_mode)) {
		close(m->fd);
		m->fd = -1;
		return;
	}
	m->fd_verified = verify(m, &st);
}

static void close_file(struct cxms_module *m)
{
	if (m->fd >= 0)
		close(m->fd);
	m->fd = -1;
	m->fd_verified = false;
}

/* <cache>/.build-id/01/234567.../elf */
static void open_cached(struct cxms_module *m, const char *cache)
{
	const struct cxms_file_id *id = &m->id;
	char path[PATH_MAX];
	int n = snprintf(path, sizeof(path), "%s/.build-id/%02x/", cache, id->build_id[0]);

	for (uint8_t i = 1; i < id->build_id_len && n < (int)sizeof(path); i++)
		n += snprintf(path + n, sizeof(path) - (size_t)n, "%02x", id->build_id[i]);
	if (n + (int)sizeof("/elf") > (int)sizeof(path))
		return;
	memcpy(path + n, "/elf", sizeof("/elf"));
	open_path(m, path);
}

void cxms_module_reopen(struct cxms_module *m, const char *symfs, const char *cache)
{
	char path[PATH_MAX];

	if (m->kind != CXMS_MODULE_FILE)
		return;
	if (symfs) {
		close_file(m);
		if (snprintf(path, sizeof(path), "%s%s", symfs, m->path) < (int)sizeof(path))
			open_path(m, path);
	}
	if (m->fd_verified || !m->id.build_id_len || !cache)
		return;
	close_file(m);
	open_cached(m, cache);
}

int cxms_module_new(struct cxms_module **out, enum cxms_module_kind kind, const char *path,
		    const struct cxms_file_id *id, struct cxms_err *err)
{
	struct cxms_module *m = calloc(1, sizeof(*m));
	int rc = 0;

	if (!m)
		return cxms_fail(err, ENOMEM, "out of memory for a code module");
	m->kind = kind;
	m->fd = -1;
	if (id)
		m->id = *id;
	m->path = strdup(path);
	if (!m->path) {
		rc = cxms_fail(err, ENOMEM, "out of memory for a code module");
		goto out;
	}
	rc = cxms_code_new(&m->code, err);
	if (rc)
		goto out;
	if (kind == CXMS_MODULE_FILE)
		open_path(m, m->path);
	*out = m;
	m = NULL;
out:
	cxms_module_free(m);
	return rc;
}

static void drop_sites(struct cxms_module *m)
{
	size_t pos = 0;
	void *ref;

	while ((ref = cxms_idmap_next(&m->sites, &pos)))
		free(ref);
	cxms_idmap_fini(&m->sites);
}

void cxms_module_free(struct cxms_module *m)
{
	if (!m)
		return;
	drop_sites(m);
	cxms_code_free(m->code);
	cxms_syms_free(m->syms);
	if (m->fd >= 0)
		close(m->fd);
	free(m->path);
	free(m);
}

void cxms_module_reset(struct cxms_module *m)
{
	drop_sites(m);
	cxms_code_reset(m->code);
}

bool cxms_module_is(const struct cxms_module *m, const char *path, const struct cxms_file_id *id)
{
	if (strcmp(m->path, path))
		return false;
	if (id->build_id_len && m->id.build_id_len)
		return m->id.build_id_len == id->build_id_len &&
		       !memcmp(m->id.build_id, id->build_id, id->build_id_len);
	if (id->ino && m->id.ino)
		return m->id.ino == id->ino && m->id.maj == id->maj && m->id.min == id->min;
	return true;
}

/* Tells the sites of instructions themselves from those of sampled ones: no user address has it. */
#define OWN_KEY (1ull << 62)

struct read_ctx {
	const struct cxms_mapping *at;
	pid_t pid;
};

/* What to add to an address in the module to get the process's. */
static uint64_t bias_of(const struct cxms_mapping *at)
{
	switch (at->module->kind) {
	case CXMS_MODULE_FILE:
		return at->start - at->file_off;
	case CXMS_MODULE_VDSO:
		return at->start;
	default:
		return 0;
	}
}

static int64_t read_memory(pid_t pid, uint64_t va, void *buf, size_t len)
{
	struct iovec to = {.iov_base = buf, .iov_len = len};
	struct iovec from = {.iov_base = (void *)(uintptr_t)va, .iov_len = len};
	ssize_t n = pid ? process_vm_readv(pid, &to, 1, &from, 1, 0) : 0;

	if (n < 0 && errno == ESRCH) {
		uint32_t other = cxms_sys_other_thread((uint32_t)pid);

		n = process_vm_readv(other ? (pid_t)other : pid, &to, 1, &from, 1, 0);
	}
	return n < 0 ? -errno : n;
}

/*
 * The file itself comes first when it is known to be the one that was mapped: the process may have
 * ended or replaced its image since the sample. Its memory comes next; every process has the same
 * vdso. Of a process long gone a file is not read that is known to be another.
 */
static int64_t read_code(void *arg, uint64_t addr, void *buf, size_t len)
{
	const struct read_ctx *ctx = arg;
	const struct cxms_mapping *at = ctx->at;
	const struct cxms_module *m = at->module;
	uint64_t va = addr + bias_of(at);
	int64_t n = -EFAULT;

	if (va < at->start || va >= at->end)
		return -EFAULT;
	if (len > at->end - va)
		len = (size_t)(at->end - va);
	if (m->fd >= 0 && m->fd_verified)
		n = pread(m->fd, buf, len, (off_t)addr);
	if (n <= 0)
		n = read_memory(ctx->pid, va, buf, len);
	if (n <= 0 && m->kind == CXMS_MODULE_VDSO && ctx->pid)
		n = read_memory(getpid(), getauxval(AT_SYSINFO_EHDR) + addr, buf, len);
	if (n <= 0 && m->fd >= 0 && (ctx->pid || !m->id.build_id_len))
		n = pread(m->fd, buf, len, (off_t)addr);
	return n > 0 ? n : -EFAULT;
}

/* What of the code around an instruction tells that it is another: loops of a few instructions. */
#define AROUND_BYTES 32u
/* Code that changes as often writes into itself while it runs: what was decoded last stands. */
#define REWRITES_MAX 1000u

struct around {
	uint64_t from;
	size_t n; /* bytes; 0 = cannot be read, as when the process has ended */
	uint64_t word[2 * AROUND_BYTES / sizeof(uint64_t)];
};

static void read_around(const struct cxms_mapping *at, pid_t pid, uint64_t ip, struct around *out)
{
	*out = (struct around){.from = ip - at->start < AROUND_BYTES ? at->start
								     : ip - AROUND_BYTES};
	size_t n = sizeof(out->word);

	if (at->end - out->from < n)
		n = (size_t)(at->end - out->from);
	if (read_memory(pid, out->from, out->word, n) == (int64_t)n)
		out->n = n;
}

static uint64_t hash_of(const struct around *a)
{
	uint64_t hash = 1;

	if (!a->n)
		return 0;
	for (size_t i = 0; i < sizeof(a->word) / sizeof(*a->word); i++)
		hash = cxms_hash_u64(hash ^ a->word[i]);
	return hash ? hash : 1;
}

static bool is_rewritten(const struct cxms_site_ref *ref, uint64_t code)
{
	return code && ref->code && code != ref->code;
}

typedef const struct cxms_code_site *site_fn(struct cxms_code *c, uint64_t ip, cxms_code_read_fn rd,
					     void *arg);

static struct cxms_site_ref *find_site(const struct cxms_mapping *at, pid_t pid, uint64_t ip,
				       uint64_t key, site_fn *find, bool *is_new)
{
	struct cxms_module *m = at->module;
	struct cxms_site_ref *ref = cxms_idmap_get(&m->sites, key);
	struct read_ctx ctx = {.at = at, .pid = pid};
	struct around around = {0};
	uint64_t bias = bias_of(at), code;

	*is_new = false;
	if (m->kind == CXMS_MODULE_PRIVATE && pid && m->n_rewritten < REWRITES_MAX)
		read_around(at, pid, ip, &around);
	code = hash_of(&around);
	if (ref && !is_rewritten(ref, code))
		return ref;
	if (ref) {
		m->n_rewritten++;
		cxms_module_reset(m);
	} else if (cxms_code_is_stale(m->code, around.from, around.word, around.n)) {
		m->n_rewritten++; /* what was decoded there before was not this */
		cxms_code_reset(m->code);
	}
	ref = calloc(1, sizeof(*ref));
	if (!ref)
		return NULL;
	ref->site = *find(m->code, ip - bias, read_code, &ctx);
	ref->site.ip += bias;
	if (ref->site.loop_ip)
		ref->site.loop_ip += bias;
	if (ref->site.ahead_bytes)
		ref->site.ahead_ip += bias;
	if (ref->site.rip_relative)
		ref->site.disp = (int64_t)((uint64_t)ref->site.disp + bias);
	ref->code = code;
	if (cxms_idmap_put(&m->sites, key, ref)) {
		free(ref);
		return NULL;
	}
	*is_new = true;
	return ref;
}

struct cxms_site_ref *cxms_module_site(const struct cxms_mapping *at, pid_t pid, uint64_t ip,
				       bool *is_new)
{
	return find_site(at, pid, ip, ip, cxms_code_site_at, is_new);
}

struct cxms_site_ref *cxms_module_site_of(const struct cxms_mapping *at, pid_t pid, uint64_t ip,
					  bool *is_new)
{
	return find_site(at, pid, ip, ip ^ OWN_KEY, cxms_code_site_of, is_new);
}

bool cxms_module_loads(const struct cxms_mapping *at, pid_t pid, uint64_t ip)
{
	struct read_ctx ctx = {.at = at, .pid = pid};

	return at->module->kind != CXMS_MODULE_PRIVATE &&
	       cxms_code_site_of(at->module->code, ip - bias_of(at), read_code, &ctx)->kind ==
		       CXMS_SITE_LOAD;
}

int cxms_module_name(const struct cxms_mapping *at, struct cxms_site *site)
{
	struct cxms_module *m = at->module;
	uint64_t off = site->ip - bias_of(at);
	const char *name;
	int rc = 0;

	if (m->kind != CXMS_MODULE_FILE || off > UINT32_MAX)
		return 0;
	if (!m->syms_read && m->fd_verified)
		rc = cxms_syms_read(m->fd, &m->syms);
	m->syms_read = true;
	site->object = m->path;
	site->object_off = (uint32_t)off;
	name = cxms_syms_find(m->syms, off, &site->function_off);
	if (name)
		site->function = name;
	return rc;
}
