#include "base/sys.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/rng.h"
#include "base/units.h"

#define READ_CHUNK   65536
#define STATM_MAX    256 /* seven numbers */
#define NUMBER_MAX   256 /* bytes of a file that holds one number */
#define SPARE_FILES  64u
#define TMP_TRIES    64
#define TMP_NAME_MAX 200 /* of the name kept in the aside name, so that NAME_MAX holds */

static bool below(const char *path, const char *root)
{
	size_t n = strlen(root);
	return strncmp(path, root, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

int cxms_sys_path(char *out, size_t cap, const char *path)
{
	const char *root = getenv("CXMS_FSROOT");
	if (!root || !(below(path, "/proc") || below(path, "/sys")))
		root = "";
	int n = snprintf(out, cap, "%s%s", root, path);
	return n < 0 || (size_t)n >= cap ? -ENAMETOOLONG : 0;
}

/* Everything to the end: files of /proc say size 0, so only reading tells. */
static int read_fd(int fd, size_t max, struct cxms_buf *out)
{
	uint8_t *chunk = malloc(READ_CHUNK);
	int rc = chunk ? 0 : -ENOMEM;
	while (rc == 0) {
		ssize_t n = read(fd, chunk, READ_CHUNK);
		if (n == 0)
			break;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			rc = -errno;
		else if ((size_t)n > max - out->len)
			rc = -EFBIG;
		else
			cxms_buf_put(out, chunk, (size_t)n);
		if (out->failed)
			rc = -ENOMEM;
	}
	free(chunk);
	return rc;
}

int cxms_file_read(const char *path, size_t max, struct cxms_buf *out, struct cxms_err *err)
{
	int rc = 0;
	struct cxms_buf got = {0};
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		rc = cxms_fail_sys(err, errno, "cannot open '%s'", path);
		goto out;
	}
	rc = read_fd(fd, max, &got);
	if (rc == -EFBIG)
		cxms_fail(err, EFBIG, "'%s' is larger than %zu bytes; give a smaller file", path,
			  max);
	else if (rc < 0)
		cxms_fail_sys(err, -rc, "cannot read '%s'", path);
	if (rc < 0)
		goto out;
	cxms_buf_fini(out);
	*out = got;
	got = (struct cxms_buf){0};
out:
	cxms_buf_fini(&got);
	if (fd >= 0)
		close(fd);
	return rc;
}

int cxms_sys_read(const char *path, size_t max, struct cxms_buf *out, struct cxms_err *err)
{
	char real[PATH_MAX];
	if (cxms_sys_path(real, sizeof(real), path) < 0)
		return cxms_fail_sys(err, ENAMETOOLONG, "cannot open '%s' below CXMS_FSROOT", path);
	return cxms_file_read(real, max, out, err);
}

static int read_of_thread(uint32_t pid, uint32_t tid, const char *name, size_t max,
			  struct cxms_buf *out, struct cxms_err *err)
{
	char path[96];
	cxms_buf_clear(out);
	if (tid == pid)
		snprintf(path, sizeof(path), "/proc/%" PRIu32 "/%s", pid, name);
	else
		snprintf(path, sizeof(path), "/proc/%" PRIu32 "/task/%" PRIu32 "/%s", pid, tid,
			 name);
	return cxms_sys_read(path, max, out, err);
}

static bool has_memory(uint32_t pid, uint32_t tid)
{
	struct cxms_buf text = {0};
	bool has = read_of_thread(pid, tid, "statm", STATM_MAX, &text, NULL) == 0 &&
		   strtoull(cxms_buf_text(&text), NULL, 10) > 0;
	cxms_buf_fini(&text);
	return has;
}

uint32_t cxms_sys_other_thread(uint32_t pid)
{
	char path[64], real[PATH_MAX];
	uint32_t found = 0;
	snprintf(path, sizeof(path), "/proc/%" PRIu32 "/task", pid);
	DIR *dir = cxms_sys_path(real, sizeof(real), path) < 0 ? NULL : opendir(real);
	for (const struct dirent *e; dir && !found && (e = readdir(dir));) {
		uint32_t tid = (uint32_t)strtoul(e->d_name, NULL, 10); /* 0: . and .. */
		if (tid && tid != pid && has_memory(pid, tid))
			found = tid;
	}
	if (dir)
		closedir(dir);
	return found;
}

int cxms_sys_read_process(uint32_t pid, const char *name, size_t max, struct cxms_buf *out,
			  struct cxms_err *err)
{
	int rc = read_of_thread(pid, pid, name, max, out, NULL);
	uint32_t other = rc == 0 && out->len > 0 ? 0 : cxms_sys_other_thread(pid);
	if (rc == 0 && !other)
		return 0;
	return read_of_thread(pid, other ? other : pid, name, max, out, err);
}

/* "  123K\n": digits, a binary suffix, white space around. */
static bool parse_number(const char *p, uint64_t *out)
{
	uint64_t v = 0;
	unsigned shift = 0;
	p += strspn(p, " \t");
	if (*p < '0' || *p > '9')
		return false;
	for (; *p >= '0' && *p <= '9'; p++) {
		uint64_t digit = (uint64_t)(*p - '0');
		if (v > (UINT64_MAX - digit) / 10)
			return false;
		v = v * 10 + digit;
	}
	if (*p == 'K' || *p == 'M')
		shift = *p++ == 'K' ? 10 : 20;
	if (p[strspn(p, " \t\n")] != '\0' || v > UINT64_MAX >> shift)
		return false;
	*out = v << shift;
	return true;
}

int cxms_sys_read_u64(const char *path, uint64_t *out, struct cxms_err *err)
{
	struct cxms_buf text = {0};
	int rc = cxms_sys_read(path, NUMBER_MAX, &text, err);
	if (rc == 0 && !parse_number(cxms_buf_text(&text), out))
		rc = cxms_fail(err, EINVAL, "'%s' does not hold one number", path);
	cxms_buf_fini(&text);
	return rc;
}

int cxms_mkdirs(const char *dir, struct cxms_err *err)
{
	int rc = 0;
	char *path = strdup(dir);
	if (!path)
		return cxms_fail_sys(err, ENOMEM, "cannot make directory '%s'", dir);
	for (char *p = path + 1; *path; p++) {
		bool last = *p == '\0';
		if (!last && *p != '/')
			continue;
		*p = '\0';
		struct stat st;
		bool is_dir = false;
		int why = 0;
		if (mkdir(path, 0700) < 0) {
			why = errno;
			is_dir = stat(path, &st) == 0 && S_ISDIR(st.st_mode);
		}
		if (why && !is_dir) {
			rc = cxms_fail_sys(err, why == EEXIST ? ENOTDIR : why,
					   "cannot make directory '%s'", path);
			break;
		}
		if (last)
			break;
		*p = '/';
	}
	free(path);
	return rc;
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec ts = {0};
	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * CXMS_NS_PER_S + (uint64_t)ts.tv_nsec;
}

void cxms_allow_files(unsigned more)
{
	struct rlimit limit;
	int free_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	rlim_t need = (rlim_t)(free_fd > 0 ? free_fd : 0) + more + SPARE_FILES;
	if (free_fd >= 0)
		close(free_fd);
	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= need)
		return;
	limit.rlim_cur = limit.rlim_max < need ? limit.rlim_max : need;
	setrlimit(RLIMIT_NOFILE, &limit);
}

uint64_t cxms_now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

uint64_t cxms_cpu_self_ns(void)
{
	return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

static int fail_write(struct cxms_err *err, int errnum, const char *path)
{
	if (errnum == ENOSPC || errnum == EDQUOT)
		return cxms_fail(
			err, errnum,
			"cannot write '%s': %s; free some space or choose another --output", path,
			strerrordesc_np(errnum));
	if (errnum == EFBIG)
		return cxms_fail(err, errnum,
				 "cannot write '%s': %s; raise the limit of file sizes (ulimit -f)",
				 path, strerrordesc_np(errnum));
	return cxms_fail_sys(err, errnum, "cannot write '%s'", path);
}

/* "dir/.name.abc123" beside @path; O_EXCL instead of mkstemp(), so that the umask gives the mode.
 */
static int open_aside(const char *path, char **tmp)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	size_t dir = (size_t)(name - path);
	size_t cap = dir + TMP_NAME_MAX + sizeof("..XXXXXX");
	char *at = malloc(cap);
	if (!at)
		return -ENOMEM;
	uint64_t noise = cxms_hash_u64(cxms_now_ns()) ^ (uint64_t)getpid();
	int fd = -1;
	for (int i = 0; i < TMP_TRIES; i++) {
		int len = snprintf(at, cap, "%.*s.%.*s.", (int)dir, path, TMP_NAME_MAX, name);
		noise = cxms_hash_u64(noise);
		char *end = at + len;
		uint64_t rest = noise;
		for (int k = 0; k < 6; k++, rest /= sizeof(letters) - 1)
			*end++ = letters[rest % (sizeof(letters) - 1)];
		*end = '\0';
		fd = open(at, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
		if (fd >= 0 || errno != EEXIST)
			break;
	}
	if (fd < 0) {
		fd = -errno;
		free(at);
	} else {
		*tmp = at;
	}
	return fd;
}

/* Names of open descriptors: even when a regular file stands behind, others write to it as well. */
static bool names_descriptor(const char *path)
{
	return below(path, "/dev/stdout") || below(path, "/dev/stderr") || below(path, "/dev/fd") ||
	       below(path, "/proc");
}

/* Fills f->path and f->tmp; returns a descriptor or -errno. */
static int open_target(struct cxms_outfile *f, const char *path)
{
	int fd;
	struct stat st;
	bool exists = stat(path, &st) == 0;
	bool regular = exists && S_ISREG(st.st_mode) && !names_descriptor(path);
	/* through a link: the file it names is replaced, not the link */
	f->path = regular ? realpath(path, NULL) : strdup(path);
	if (!f->path)
		return -errno;
	if (exists && !regular) {
		fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
		return fd < 0 ? -errno : fd;
	}
	if (regular && access(path, W_OK) < 0)
		return -errno;
	fd = open_aside(f->path, &f->tmp);
	if (fd >= 0 && regular && fchmod(fd, st.st_mode & 0777) < 0) {
		int rc = -errno;
		close(fd);
		return rc;
	}
	return fd;
}

int cxms_outfile_open(struct cxms_outfile *f, const char *path, struct cxms_err *err)
{
	*f = (struct cxms_outfile){0};
	int fd = open_target(f, path);
	if (fd >= 0)
		f->fp = fdopen(fd, "w");
	if (f->fp)
		return 0;
	int rc = fail_write(err, fd < 0 ? -fd : errno, path);
	if (fd >= 0)
		close(fd);
	cxms_outfile_abort(f);
	return rc;
}

int cxms_outfile_write(struct cxms_outfile *f, const void *data, size_t len, struct cxms_err *err)
{
	errno = 0;
	if (fwrite(data, 1, len, f->fp) == len && fflush(f->fp) == 0)
		return 0;
	return fail_write(err, errno ? errno : EIO, f->path);
}

/* The rename is on disk only when the directory is. Too late to fail: the new file is whole and
 * named. */
static void sync_dir_of(const char *path)
{
	char dir[PATH_MAX];
	const char *slash = strrchr(path, '/');
	int len = slash ? (int)(slash - path) + 1 : 1;
	if (snprintf(dir, sizeof(dir), "%.*s", len, slash ? path : ".") >= (int)sizeof(dir))
		return;
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return;
	fsync(fd);
	close(fd);
}

int cxms_outfile_commit(struct cxms_outfile *f, struct cxms_err *err)
{
	int rc = 0;
	bool bad = ferror(f->fp) != 0;
	if (fflush(f->fp) != 0)
		rc = -errno;
	else if (bad)
		rc = cxms_fail(err, EIO,
			       "cannot write '%s': an earlier write failed (is the disk full?); "
			       "free some space or choose another --output",
			       f->path);
	if (rc == 0 && f->tmp && fsync(fileno(f->fp)) < 0)
		rc = -errno;
	if (fclose(f->fp) != 0 && rc == 0)
		rc = -errno;
	f->fp = NULL;
	if (rc == 0 && f->tmp) {
		if (rename(f->tmp, f->path) < 0) {
			rc = -errno;
		} else {
			sync_dir_of(f->path);
			free(f->tmp);
			f->tmp = NULL;
		}
	}
	if (rc < 0)
		fail_write(err, -rc, f->path);
	cxms_outfile_abort(f);
	return rc;
}

void cxms_outfile_abort(struct cxms_outfile *f)
{
	if (!f)
		return;
	if (f->fp)
		fclose(f->fp);
	if (f->tmp)
		unlink(f->tmp);
	free(f->tmp);
	free(f->path);
	*f = (struct cxms_outfile){0};
}
