#include "source/pcm_read.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/units.h"

#define READ_BYTES   65536u
#define MAX_LINE     (1u << 20) /* a line of pcm -csv with all cores is some 100 KiB */
#define COLUMN_BYTES 64u
/* No memory of one machine moves more in an interval: 1e18 bytes. */
#define MAX_BYTES 1e18

/* What one column holds. */
struct column {
	bool used;
	uint8_t socket, what; /* enum cxms_pcm_what */
	bool per_second;      /* MB/s, else GB of the interval */
};

struct cxms_pcm {
	int fd;
	struct cxms_buf groups; /* the first line of heads */
	struct column *column;
	size_t n_column, cap_column, n_used;
	uint64_t last_ns; /* of the line before; 0 = none since the heads */
	uint64_t skipped;
	struct cxms_buf text; /* read and not yet taken */
	size_t taken;
};

const char *cxms_pcm_name(enum cxms_pcm_what what)
{
	static const char *const name[CXMS_PCM_WHAT_COUNT] = {"pcm.dram_read", "pcm.dram_write",
							      "pcm.cxl_read", "pcm.cxl_write"};
	return name[what];
}

struct cxms_pcm *cxms_pcm_new(void)
{
	struct cxms_pcm *p = calloc(1, sizeof(*p));

	if (p)
		p->fd = -1;
	return p;
}

void cxms_pcm_free(struct cxms_pcm *p)
{
	if (!p)
		return;
	if (p->fd >= 0)
		close(p->fd);
	free(p->column);
	cxms_buf_fini(&p->groups);
	cxms_buf_fini(&p->text);
	free(p);
}

uint64_t cxms_pcm_skipped(const struct cxms_pcm *p)
{
	return p->skipped;
}

/* The next field of a line without blanks around it, cut to @cap; false at the end. */
static bool next_field(const char **at, char *out, size_t cap)
{
	const char *from = *at, *end;
	size_t n;

	if (!from)
		return false;
	end = from + strcspn(from, ",;");
	*at = *end ? end + 1 : NULL;
	while (from < end && isspace((unsigned char)*from))
		from++;
	while (end > from && isspace((unsigned char)end[-1]))
		end--;
	n = (size_t)(end - from) < cap - 1 ? (size_t)(end - from) : cap - 1;
	memcpy(out, from, n);
	out[n] = '\0';
	return true;
}

static bool socket_of(const char *group, uint8_t *out)
{
	const char *digits = group + strcspn(group, "0123456789");
	unsigned long v;

	if (!strncasecmp(group, "System", 6)) {
		*out = CXMS_PCM_SYSTEM;
		return true;
	}
	if (strncasecmp(group, "SKT", 3) && strncasecmp(group, "Socket", 6))
		return false;
	v = strtoul(digits, NULL, 10);
	*out = (uint8_t)v;
	return *digits && v < CXMS_PCM_SOCKETS;
}

/* CXL.mem_P<port>Read and ...Write. */
static bool is_cxl(const char *name, const char *way)
{
	size_t n = strlen(name), w = strlen(way);

	return !strncmp(name, "CXL.mem_P", 9) && n > w && !strcmp(name + n - w, way);
}

/* Sums of the system are taken where there is nothing by socket. */
static void name_column(const char *group, const char *name, struct column *c)
{
	static const struct {
		const char *name;
		uint8_t what;
		bool per_second, of_system;
	} known[] = {
		{"Mem Read (MB/s)", CXMS_PCM_READ, true, false},
		{"Mem Write (MB/s)", CXMS_PCM_WRITE, true, false},
		{"CXLRead", CXMS_PCM_CXL_READ, true, true},
		{"READ", CXMS_PCM_READ, false, true},
		{"WRITE", CXMS_PCM_WRITE, false, true},
	};

	*c = (struct column){0};
	if (!socket_of(group, &c->socket))
		return;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (!strcmp(name, known[i].name) &&
		    known[i].of_system == (c->socket == CXMS_PCM_SYSTEM)) {
			c->used = true;
			c->what = known[i].what;
			c->per_second = known[i].per_second;
		}
	if (is_cxl(name, "Read") || is_cxl(name, "Write")) {
		c->used = c->per_second = true;
		c->what = is_cxl(name, "Read") ? CXMS_PCM_CXL_READ : CXMS_PCM_CXL_WRITE;
	}
}

static int read_heads(struct cxms_pcm *p, const char *names, struct cxms_err *err)
{
	const char *groups = cxms_buf_text(&p->groups), *name_at = names;
	char group[COLUMN_BYTES], name[COLUMN_BYTES];

	p->n_column = p->n_used = 0;
	p->last_ns = 0;
	while (next_field(&name_at, name, sizeof(name))) {
		if (!next_field(&groups, group, sizeof(group)))
			group[0] = '\0';
		if (cxms_array_grow((void **)&p->column, &p->cap_column, p->n_column + 1,
				    sizeof(*p->column)))
			return cxms_fail(err, ENOMEM, "no memory for the columns of pcm");
		name_column(group, name, &p->column[p->n_column]);
		p->n_used += p->column[p->n_column++].used;
	}
	return p->n_used ? 0
			 : cxms_fail(err, EINVAL,
				     "no column of memory traffic in the text of pcm; run "
				     "pcm-memory -csv");
}

/* "2026-04-02" and "07:58:51.607", local time. */
static bool read_time(const char *date, const char *clock, uint64_t *out)
{
	struct tm tm = {.tm_isdst = -1};
	double seconds;
	int used = 0;

	if (sscanf(date, "%d-%d-%d%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &used) != 3 ||
	    date[used])
		return false;
	used = 0;
	if (sscanf(clock, "%d:%d:%lf%n", &tm.tm_hour, &tm.tm_min, &seconds, &used) != 3 ||
	    clock[used] || !(seconds >= 0 && seconds < 61) || tm.tm_year < 1970 ||
	    tm.tm_year > 9999)
		return false;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	tm.tm_sec = (int)seconds;
	time_t t = mktime(&tm);
	if (t <= 0)
		return false;
	*out = (uint64_t)t * CXMS_NS_PER_S + (uint64_t)llround((seconds - floor(seconds)) * 1e9);
	return true;
}

static void add_value(const struct column *c, const char *field, double seconds,
		      struct cxms_pcm_row *row)
{
	char *end;
	double v = strtod(field, &end);
	double *at = &row->bytes[c->socket][c->what];

	if (end == field || *end || !(v >= 0))
		return;
	v *= c->per_second ? 1e6 * seconds : 1e9;
	*at = fmin(MAX_BYTES, fmax(0, *at) + v);
}

static int read_values(struct cxms_pcm *p, const char *line, struct cxms_pcm_row *row)
{
	char date[COLUMN_BYTES], field[COLUMN_BYTES];
	const char *at = line;
	uint64_t now_ns, last_ns = p->last_ns;
	double seconds;

	if (!next_field(&at, date, sizeof(date)) || !next_field(&at, field, sizeof(field)) ||
	    !read_time(date, field, &now_ns)) {
		p->skipped += *line != '\0';
		return 0;
	}
	p->last_ns = now_ns;
	if (!last_ns || now_ns <= last_ns)
		return 0;
	row->from_ns = last_ns;
	row->to_ns = now_ns;
	seconds = (double)(now_ns - last_ns) / (double)CXMS_NS_PER_S;
	for (size_t s = 0; s <= CXMS_PCM_SOCKETS; s++)
		for (size_t w = 0; w < CXMS_PCM_WHAT_COUNT; w++)
			row->bytes[s][w] = -1;
	for (size_t i = 2; i < p->n_column && next_field(&at, field, sizeof(field)); i++)
		if (p->column[i].used)
			add_value(&p->column[i], field, seconds, row);
	return 1;
}

int cxms_pcm_line(struct cxms_pcm *p, const char *line, struct cxms_pcm_row *row,
		  struct cxms_err *err)
{
	const char *at = line;
	char first[COLUMN_BYTES];

	next_field(&at, first, sizeof(first));
	if (!strcmp(first, "Date"))
		return read_heads(p, line, err);
	if (!strcmp(first, "") && strpbrk(line, ",;")) {
		cxms_buf_clear(&p->groups);
		cxms_buf_put(&p->groups, line, strlen(line));
		return p->groups.failed ? cxms_fail(err, ENOMEM, "no memory for a line of pcm") : 0;
	}
	if (p->n_used)
		return read_values(p, line, row);
	p->skipped += *line != '\0';
	return 0;
}

int cxms_pcm_open(const char *path, struct cxms_pcm **out, struct cxms_err *err)
{
	struct cxms_pcm *p = cxms_pcm_new();
	struct stat st;

	if (!p)
		return cxms_fail(err, ENOMEM, "no memory to read '%s'", path);
	p->fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (p->fd < 0) {
		int errnum = errno;

		cxms_pcm_free(p);
		return cxms_fail_sys(err, errnum, "cannot read '%s'", path);
	}
	if (fstat(p->fd, &st) == 0 && S_ISDIR(st.st_mode)) {
		cxms_pcm_free(p);
		return cxms_fail(err, EISDIR,
				 "'%s' is a folder; name the file that pcm-memory -csv writes",
				 path);
	}
	*out = p;
	return 0;
}

/* More bytes behind those not yet taken; false when there are none now. */
static bool read_more(struct cxms_pcm *p, struct cxms_err *err, int *rc)
{
	char chunk[READ_BYTES];
	ssize_t n = read(p->fd, chunk, sizeof(chunk));

	if (n < 0 && errno != EAGAIN && errno != EINTR)
		*rc = cxms_fail_sys(err, errno, "cannot read the text of pcm");
	if (n <= 0)
		return false;
	if (p->taken) {
		memmove(p->text.data, p->text.data + p->taken, p->text.len - p->taken);
		p->text.len -= p->taken;
		p->taken = 0;
	}
	cxms_buf_put(&p->text, chunk, (size_t)n);
	if (p->text.failed || p->text.len > MAX_LINE + READ_BYTES)
		*rc = cxms_fail(err, EINVAL, "a line of over %u bytes is no text of pcm", MAX_LINE);
	return *rc == 0;
}

int cxms_pcm_poll(struct cxms_pcm *p, struct cxms_pcm_row *row, struct cxms_err *err)
{
	int rc = 0;

	do {
		while (p->taken < p->text.len) {
			char *from = (char *)p->text.data + p->taken;
			char *end = memchr(from, '\n', p->text.len - p->taken);

			if (!end)
				break;
			*end = '\0';
			if (end > from && end[-1] == '\r')
				end[-1] = '\0';
			p->taken += (size_t)(end - from) + 1;
			rc = cxms_pcm_line(p, from, row, err);
			if (rc)
				return rc;
		}
	} while (read_more(p, err, &rc));
	return rc;
}
