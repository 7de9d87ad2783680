#include "mb_kernels.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define HUGE_BYTES     (2ul << 20)
#define PAGE_BYTES     4096ul
#define WORDS_PER_LINE (MB_LINE_BYTES / sizeof(uint64_t))
#define BATCH	       4096u /* accesses between two looks at the clock: under 1 ms even at 200 ns */
#define WORK_OF_LINE   16    /* multiplications that take about as long as a line of a gather */
#define CHASE_BATCH    (1ul << 18) /* some 80 ms, of which samples see the count of hops run down */
#define LONG_BATCH                                                                                 \
	(1ul << 20)	   /* of independent accesses: tens of ms, so that samples see them run    \
			    */
#define SMALL_LINES 16384u /* of a mixture: 1 MiB */
#define POOL_BATCH  8192u  /* about 1 ms of waits for memory */
#define READ_BYTES  65536u
#define SLEEP_NS    9000000
#define SLEEP_STEPS 250000u /* about 1 ms of multiplications */

/* Knuth's MMIX generator: modulo any power of two it runs through all values before it repeats. */
#define LCG_MUL 6364136223846793005ull
#define LCG_ADD 1442695040888963407ull
#define MIX_MUL 0x9e3779b97f4a7c15ull /* odd, so it can be undone */

static double seconds(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double mb_seconds(void)
{
	return seconds(CLOCK_MONOTONIC);
}

struct mb_area mb_area_new(size_t bytes, bool huge)
{
	size_t whole = (bytes + HUGE_BYTES - 1) / HUGE_BYTES * HUGE_BYTES;
	char *p = mmap(NULL, whole + HUGE_BYTES, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED) {
		fprintf(stderr, "mb: cannot get %zu MiB of memory; use a smaller --size\n",
			whole >> 20);
		exit(1);
	}
	size_t lead = (HUGE_BYTES - (uintptr_t)p % HUGE_BYTES) % HUGE_BYTES;
	if (lead)
		munmap(p, lead);
	munmap(p + lead + whole, HUGE_BYTES - lead);
	madvise(p + lead, whole, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	return (struct mb_area){.base = p + lead, .bytes = bytes};
}

void mb_area_free(struct mb_area *a)
{
	if (a->base)
		munmap(a->base, (a->bytes + HUGE_BYTES - 1) / HUGE_BYTES * HUGE_BYTES);
	*a = (struct mb_area){0};
}

static uint64_t lcg(uint64_t x)
{
	return x * LCG_MUL + LCG_ADD;
}

/* The generator @n steps on, by squaring the step (Brown 1994). */
static uint64_t lcg_jump(uint64_t x, uint64_t n)
{
	uint64_t mul = 1, add = 0, step_mul = LCG_MUL, step_add = LCG_ADD;
	for (; n; n >>= 1) {
		if (n & 1) {
			mul *= step_mul;
			add = add * step_mul + step_add;
		}
		step_add *= step_mul + 1;
		step_mul *= step_mul;
	}
	return x * mul + add;
}

/*
 * Places in the cycle and lines are both numbers of @bits bits. mix() takes one to the other and
 * back: the low bits of the generator repeat early, so the high ones are folded into them.
 */
struct mix {
	uint64_t mask, inverse;
	unsigned shift;
};

static struct mix mix_new(size_t lines)
{
	struct mix m = {.mask = lines - 1, .inverse = MIX_MUL};
	unsigned bits = 0;
	while ((lines >> bits) > 1)
		bits++;
	m.shift = (bits + 1) / 2;
	for (int i = 0; i < 5; i++) /* Newton: 3 bits are right, then 6, 12, 24, 48, 96 */
		m.inverse *= 2 - MIX_MUL * m.inverse;
	return m;
}

static uint64_t line_of_place(const struct mix *m, uint64_t place)
{
	place &= m->mask;
	place ^= place >> m->shift;
	place = place * MIX_MUL & m->mask;
	return place ^ place >> m->shift;
}

static uint64_t place_of_line(const struct mix *m, uint64_t line)
{
	line ^= line >> m->shift;
	line = line * m->inverse & m->mask;
	return line ^ line >> m->shift;
}

void mb_fill_lines(struct mb_area *a)
{
	struct mb_line *line = a->base;
	size_t lines = a->bytes / MB_LINE_BYTES;
	struct mix m = mix_new(lines);
	for (size_t i = 0; i < lines; i++) {
		line[i].next = line + line_of_place(&m, lcg(place_of_line(&m, i)));
		line[i].index = i;
	}
}

void mb_fill_words(struct mb_area *a)
{
	uint64_t *word = a->base;
	for (size_t i = 0; i < a->bytes / sizeof(*word); i++)
		word[i] = i;
}

/* How many steps come next, at most @most; 0 when the work is over. Those that wait for one another
 * do whole batches. */
static uint64_t next_batch(struct mb_work *w, double start, uint64_t most)
{
	if (w->next) {
		bool more = w->steps ? w->accesses < w->steps : mb_seconds() - start < w->seconds;
		return w->next(w, more) ? most : 0;
	}
	if (w->steps) {
		uint64_t left = w->steps - w->accesses;
		return left < most ? left : most;
	}
	return mb_seconds() - start < w->seconds ? most : 0;
}

static double begin(struct mb_work *w)
{
	w->tid = gettid();
	w->cpu_s = -seconds(CLOCK_THREAD_CPUTIME_ID);
	return mb_seconds();
}

static void end(struct mb_work *w, double start, uint64_t got, uint64_t want)
{
	w->spent_s = mb_seconds() - start;
	w->cpu_s += seconds(CLOCK_THREAD_CPUTIME_ID);
	w->checksum = got;
	w->correct = got == want;
}

struct mb_line *mb_chase_batch(struct mb_line *at, uint64_t n)
{
	for (; n; n--)
		at = at->next;
	return at;
}

void mb_chase(struct mb_work *w)
{
	struct mb_line *line = w->area.base;
	struct mix m = mix_new(w->area.bytes / MB_LINE_BYTES);
	uint64_t place = lcg_jump(0, (m.mask + 1) / w->workers * w->worker);
	struct mb_line *at = line + line_of_place(&m, place);
	uint64_t most = w->next ? BATCH : CHASE_BATCH;
	double start = begin(w);
	for (uint64_t n; (n = next_batch(w, start, most)) > 0; w->accesses += n)
		at = mb_chase_batch(at, n);
	end(w, start, (uint64_t)(at - line), line_of_place(&m, lcg_jump(place, w->accesses)));
}

static uint64_t multiply(uint64_t x, uint64_t n)
{
	for (; n; n--)
		x = lcg(x);
	return x;
}

/* What a run of a gather carries on. */
struct gather {
	uint64_t place, got, want, worked;
};

static void gather_batch(const struct mb_line *line, struct mix m, uint64_t n, uint64_t work,
			 struct gather *g)
{
	struct gather at = *g;
	for (uint64_t i = 0; i < n; i++) {
		at.place = lcg(at.place);
		uint64_t k = line_of_place(&m, at.place);
		at.got += line[k].index;
		at.want += k;
		if (work)
			at.worked = multiply(at.worked, work);
	}
	*g = at;
}

void mb_gather(struct mb_work *w)
{
	const struct mb_line *line = w->area.base;
	struct mix m = mix_new(w->area.bytes / MB_LINE_BYTES);
	struct gather g = {.place = lcg_jump(0, (m.mask + 1) / w->workers * w->worker)};
	uint64_t most = LONG_BATCH / (w->work / WORK_OF_LINE + 1);
	double start = begin(w);
	for (uint64_t n; (n = next_batch(w, start, most)) > 0; w->accesses += n)
		gather_batch(line, m, n, w->work, &g);
	end(w, start, g.got ^ g.worked, g.want ^ lcg_jump(0, w->accesses * w->work));
}

/* Line of a random number: in one half of the cases one of all, in the other one of the first. */
static inline uint64_t line_of_mixture(const struct mix *m, uint64_t random)
{
	uint64_t all = -(random >> 63) & m->mask;
	return (random >> 20) & m->mask & (all | (SMALL_LINES - 1));
}

/*
 * Rank r of N is drawn about as often as 1/r: each octave of ranks is as likely as any other. Lines
 * that are asked for often lie far apart.
 */
static inline uint64_t line_of_zipf(const struct mix *m, uint64_t random)
{
	unsigned octaves = (unsigned)__builtin_popcountll(m->mask);
	uint64_t first = 1ull << ((random >> 52) * octaves >> 12);
	return line_of_place(m, first | ((random >> 20) & (first - 1)));
}

/* What a run of lookups carries on; @zero is 0, but only memory knows it. */
struct lookup {
	uint64_t random, zero, got, want;
};

static inline void look_up(const struct mb_line *line, uint64_t k, struct lookup *l)
{
	uint64_t index = line[k].index;
	l->got += index;
	l->want += k;
	l->zero = index ^ k;
}

static void mixture_batch(const struct mb_line *line, const struct mix *m, uint64_t n,
			  struct lookup *l)
{
	struct lookup at = *l;
	for (; n; n--) {
		at.random = lcg(at.random + at.zero);
		look_up(line, line_of_mixture(m, at.random), &at);
	}
	*l = at;
}

static void zipf_batch(const struct mb_line *line, const struct mix *m, uint64_t n,
		       struct lookup *l)
{
	struct lookup at = *l;
	for (; n; n--) {
		at.random = lcg(at.random + at.zero);
		look_up(line, line_of_zipf(m, at.random), &at);
	}
	*l = at;
}

static void run_lookups(struct mb_work *w, void (*batch)(const struct mb_line *, const struct mix *,
							 uint64_t, struct lookup *))
{
	struct mix m = mix_new(w->area.bytes / MB_LINE_BYTES);
	struct lookup l = {.random = w->worker + 1};
	double start = begin(w);
	for (uint64_t n; (n = next_batch(w, start, BATCH)) > 0; w->accesses += n)
		batch(w->area.base, &m, n, &l);
	end(w, start, l.got, l.want);
}

void mb_mixture(struct mb_work *w)
{
	run_lookups(w, mixture_batch);
}

void mb_zipf(struct mb_work *w)
{
	run_lookups(w, zipf_batch);
}

uint64_t mb_sum_batch(const uint64_t *word, size_t n)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < n; i++)
		sum += word[i];
	return sum;
}

/* Words [*first, *first + *n) belong to this worker. */
static uint64_t *slice(const struct mb_work *w, size_t *first, size_t *n)
{
	size_t words = w->area.bytes / sizeof(uint64_t);
	*n = words / w->workers;
	*first = *n * w->worker;
	return (uint64_t *)w->area.base + *first;
}

/* first + (first + 1) + ... of @n words */
static uint64_t sum_of_run(uint64_t first, uint64_t n)
{
	uint64_t twice = n % 2 ? n * ((n - 1) / 2) : n / 2 * (n - 1);
	return n * first + twice;
}

uint64_t mb_sum_work_batch(const uint64_t *word, size_t n, uint64_t work, uint64_t *worked)
{
	uint64_t sum = 0, x = *worked;
	for (size_t i = 0; i < n; i++) {
		sum += word[i];
		if (i % WORDS_PER_LINE == 0)
			x = multiply(x, work);
	}
	*worked = x;
	return sum;
}

void mb_stream(struct mb_work *w)
{
	size_t first, words, at = 0;
	const uint64_t *word = slice(w, &first, &words);
	uint64_t got = 0, want = 0, worked = 0, times = 0;
	uint64_t most =
		w->work ? LONG_BATCH / (w->work / WORK_OF_LINE + 1) * WORDS_PER_LINE : BATCH;
	double start = begin(w);
	for (uint64_t n; (n = next_batch(w, start, most)) > 0; w->accesses += n) {
		if (n > words - at)
			n = words - at;
		if (w->work)
			got += mb_sum_work_batch(word + at, n, w->work, &worked);
		else
			got += mb_sum_batch(word + at, n);
		times += w->work ? (n + WORDS_PER_LINE - 1) / WORDS_PER_LINE * w->work : 0;
		want += sum_of_run(first + at, n);
		at = at + n == words ? 0 : at + n;
	}
	end(w, start, got ^ worked, want ^ lcg_jump(0, times));
}

void mb_store_batch(uint64_t *word, size_t n, uint64_t value)
{
	for (size_t i = 0; i < n; i++)
		word[i] = value;
}

void mb_store_past_batch(uint64_t *word, size_t n, uint64_t value)
{
#ifdef __SSE2__
	for (size_t i = 0; i < n; i++)
		_mm_stream_si64((long long *)&word[i], (long long)value);
	_mm_sfence();
#else
	mb_store_batch(word, n, value);
#endif
}

static void run_stores(struct mb_work *w, void (*batch)(uint64_t *word, size_t n, uint64_t value))
{
	size_t first, words, at = 0;
	uint64_t *word = slice(w, &first, &words);
	uint64_t pass = 1;
	mb_store_batch(word, words, 0);
	double start = begin(w);
	for (uint64_t n; (n = next_batch(w, start, BATCH)) > 0; w->accesses += n) {
		if (n > words - at)
			n = words - at;
		batch(word + at, n, pass);
		at += n;
		if (at == words) {
			at = 0;
			pass++;
		}
	}
	double spent = mb_seconds() - start;
	end(w, start, mb_sum_batch(word, words), at * pass + (words - at) * (pass - 1));
	w->spent_s = spent;
}

void mb_store(struct mb_work *w)
{
	run_stores(w, mb_store_batch);
}

void mb_store_past(struct mb_work *w)
{
	run_stores(w, mb_store_past_batch);
}

void mb_compute(struct mb_work *w)
{
	uint64_t x = w->worker;
	double start = begin(w);
	for (uint64_t n; (n = next_batch(w, start, 16 * BATCH)) > 0; w->accesses += n)
		x = multiply(x, n);
	end(w, start, x, lcg_jump(w->worker, w->accesses));
}

void mb_sleeper(struct mb_work *w)
{
	uint64_t x = w->worker;
	double start = begin(w);
	for (uint64_t n; (n = next_batch(w, start, SLEEP_STEPS)) > 0; w->accesses += n) {
		x = multiply(x, n);
		nanosleep(&(struct timespec){.tv_nsec = SLEEP_NS}, NULL);
	}
	end(w, start, x, lcg_jump(w->worker, w->accesses));
}

void mb_pool(struct mb_work *w)
{
	struct mb_line *line = w->area.base;
	struct mix m = mix_new(w->area.bytes / MB_LINE_BYTES);
	uint64_t place = lcg_jump(0, (m.mask + 1) / w->workers * w->worker);
	struct mb_line *at = line + line_of_place(&m, place);
	double start = begin(w);
	for (uint64_t n; (n = next_batch(w, start, POOL_BATCH)) > 0; w->accesses += n) {
		at = mb_chase_batch(at, n);
		nanosleep(&(struct timespec){.tv_nsec = SLEEP_NS}, NULL);
	}
	end(w, start, (uint64_t)(at - line), line_of_place(&m, lcg_jump(place, w->accesses)));
}

/* A file in memory whose blocks begin with their numbers; exits 1 with a message without it. */
static int file_of_blocks(uint64_t blocks)
{
	static const char rest[READ_BYTES - sizeof(uint64_t)];
	int fd = memfd_create("mb", MFD_CLOEXEC);
	bool ok = fd >= 0;
	for (uint64_t i = 0; ok && i < blocks; i++)
		ok = write(fd, &i, sizeof(i)) == (ssize_t)sizeof(i) &&
		     write(fd, rest, sizeof(rest)) == (ssize_t)sizeof(rest);
	if (!ok) {
		perror("mb: cannot write a file in memory");
		exit(1);
	}
	return fd;
}

void mb_read(struct mb_work *w)
{
	static _Thread_local uint64_t buf[READ_BYTES / sizeof(uint64_t)];
	uint64_t blocks = w->area.bytes / READ_BYTES + 1, at = 0, got = 0, want = 0;
	int fd = file_of_blocks(blocks);
	double start = begin(w);
	for (uint64_t n; (n = next_batch(w, start, blocks)) > 0; w->accesses += n)
		for (uint64_t i = 0; i < n; i++, at = (at + 1) % blocks) {
			ssize_t len = pread(fd, buf, READ_BYTES, (off_t)(at * READ_BYTES));
			got += len == READ_BYTES ? buf[0] : 1;
			want += at;
		}
	end(w, start, got, want);
	close(fd);
}

void mb_fault(struct mb_work *w)
{
	uint64_t pages = w->area.bytes / PAGE_BYTES, got = 0;
	double start = begin(w);
	for (uint64_t n; (n = next_batch(w, start, pages)) > 0; w->accesses += n) {
		struct mb_area fresh = mb_area_new(w->area.bytes, w->huge);
		for (uint64_t i = 0; i < n; i++) {
			volatile uint64_t *word = (uint64_t *)((char *)fresh.base + i * PAGE_BYTES);
			*word += 1; /* a fresh page holds 0 */
			got += *word;
		}
		mb_area_free(&fresh);
	}
	end(w, start, got, w->accesses);
}
