/*
 * bounds CASE N: N steps of a loop whose time has bounds that can be worked out: see bounds.sh.
 * Memory is fresh, so each line misses all caches and each value is 0: what is added to an address
 * makes it wait and moves it nowhere.
 */
#include <emmintrin.h>

#include "common.h"

#define AREA   (256u << 20)
#define STRIDE 4160 /* bytes: a line further on the next page */

static char *area;

static inline u64 *at(u64 i)
{
	return (u64 *)(area + i * STRIDE % AREA);
}

/* Chains, each of which goes on when its line has come; of three, or as many as registers hold. */
static NOINLINE void chains3(u64 n)
{
	u64 a = 0, b = 0, c = 0;
	for (u64 i = 0; i < 3 * n; i += 3) {
		a = *at(a + i);
		b = *at(b + i + 1);
		c = *at(c + i + 2);
	}
	KEEP(a);
	KEEP(b);
	KEEP(c);
}

/* Twenty loads of which none waits for another; each round waits for the one before. */
static NOINLINE void rounds20(u64 n)
{
	u64 wait = 0;
	for (u64 i = 0; i < n; i++) {
		u64 sum = 0;
		for (u64 k = 0; k < 20; k++)
			sum += *at(wait + i * 20 + k);
		wait = sum;
	}
	KEEP(wait);
}

/* Loads that nothing waits for, 64 moves apart. */
static NOINLINE void apart(u64 n)
{
	for (u64 i = 0; i < n; i++) {
		u64 v = *at(i);
		KEEP(v);
		__asm__ volatile(".rept 64\n\tmov %%rsp, %%rdx\n\t.endr" ::: "rdx");
	}
}

static NOINLINE void stores(u64 n)
{
	for (u64 i = 0; i < n; i++)
		*at(i) = i;
}

/* Each adds to a line of its own. */
static NOINLINE void updates(u64 n)
{
	for (u64 i = 0; i < n; i++)
		*at(i) += i;
}

/* The same, and after every sixteenth the one before once more. */
static NOINLINE void meetings(u64 n)
{
	for (u64 i = 0; i < n; i++)
		*at(i - (i % 16 == 15)) += i;
}

/* The other half of the 16 bytes instead: no value passes, but the simulator looks no closer. */
static NOINLINE void neighbours(u64 n)
{
	for (u64 i = 0; i < n; i++)
		at(i - (i % 16 == 15))[i % 16 == 15] += i;
}

/* Each stores to a line of its own and reads it again, as the next address says. */
static NOINLINE void read_back(u64 n)
{
	u64 v = 0;
	for (u64 i = 0; i < n; i++) {
		volatile u64 *p = at(i + v);
		*p = 0;
		v = *p;
	}
	KEEP(v);
}

/* The same of one byte, and the eight around it. */
static NOINLINE void read_wider(u64 n)
{
	u64 v = 0;
	for (u64 i = 0; i < n; i++) {
		volatile u64 *p = at(i + v);
		((volatile char *)p)[1] = 0;
		v = *p;
	}
	KEEP(v);
}

/* Each stores to a line of its own and reads elsewhere in it, as the next address says, when the
 * store has long left the reorder buffer. */
static NOINLINE void read_late(u64 n)
{
	u64 v = 0;
	for (u64 i = 0; i < n; i++) {
		volatile u64 *p = at(i + v);
		*p = 0;
		__asm__ volatile(".rept 600\n\tmov %%rsp, %%rdx\n\t.endr" ::: "rdx");
		v = p[4];
	}
	KEEP(v);
}

/* Lines by two, a word in both. */
static NOINLINE void across(u64 n)
{
	for (u64 i = 0; i < n; i++) {
		u64 v = *(volatile u64 *)((char *)at(i) + 60);
		KEEP(v);
	}
}

static NOINLINE void stores_across(u64 n)
{
	for (u64 i = 0; i < n; i++)
		*(volatile u64 *)((char *)at(i) + 60) = i;
}

/* Lines by a string instruction, byte by byte. */
static NOINLINE void bytes(u64 n)
{
	for (u64 i = 0; i < n; i++) {
		void *to = at(i);
		u64 count = 64;
		__asm__ volatile("rep stosb" : "+D"(to), "+c"(count) : "a"(0) : "memory");
	}
}

/* Lines by four loads of 16 bytes each. */
static NOINLINE void loads16(u64 n)
{
	for (u64 i = 0; i < n; i++) {
		const __m128i *line = (const __m128i *)at(i);
		__m128i a = line[0], b = line[1], c = line[2], d = line[3];
		__asm__ volatile("" ::"x"(a), "x"(b), "x"(c), "x"(d));
	}
}

static NOINLINE void stores16(u64 n)
{
	for (u64 i = 0; i < n; i++) {
		__m128i *line = (__m128i *)at(i);
		line[0] = line[1] = line[2] = line[3] = _mm_setzero_si128();
	}
}

/* Whether a branch is taken is a matter of chance, and is known when a line has come. */
static NOINLINE void branches(u64 n)
{
	u64 x = 1, sum = 0;
	for (u64 i = 0; i < n; i++) {
		x = LCG(x);
		if ((*at(i) + (x >> 40)) & 1)
			__asm__ volatile("add $3, %0" : "+r"(sum));
		else
			__asm__ volatile("xor $5, %0" : "+r"(sum));
	}
	KEEP(sum);
}

/* The same where the wrong way can read, too: it asks for the lines that the right one needs next.
 */
static NOINLINE void picks(u64 n)
{
	branches(n);
}

static NOINLINE u64 depth(u64 n)
{
	u64 v = n ? depth(n - 1) + 1 : 0;
	KEEP(v);
	return v;
}

/* Calls and returns ten deep: no miss, whatever memory takes. */
static NOINLINE void calls(u64 n)
{
	while (n--)
		(void)depth(10);
}

/* A chain with a branch on each line that half of the time goes the wrong way. That way leads on to
 * the next hop, whose address is in the line that the branch waits for. */
static NOINLINE void guesses(u64 n)
{
	u64 a = 0;
	for (u64 i = 0; i < n; i++) {
		a = at(a + i)[0];
		u64 v = at(a + i + 1)[1];
		if ((v + (i * 0x9e3779b97f4a7c15u >> 40)) & 1)
			__asm__ volatile("nop");
	}
	KEEP(a);
}

/* The same, but the branch is by the address of the next hop, which has been read. */
static NOINLINE void forks(u64 n)
{
	u64 a = 0, x = 1;
	for (u64 i = 0; i < n; i++) {
		a = *at(a + i);
		x = LCG(x);
		if ((a + (x >> 40)) & 1)
			__asm__ volatile("nop");
	}
	KEEP(a);
}

/* The wrong way reads pages only that have been accessed: another line of each has. */
static void touch_pages(u64 n)
{
	for (u64 i = 0; i <= n + 64; i++)
		*(volatile char *)((char *)at(i) + STRIDE / 2) = 1;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(u64);
	} cases[] = {
		{"chains3", chains3},
		{"rounds20", rounds20},
		{"apart", apart},
		{"stores", stores},
		{"updates", updates},
		{"meetings", meetings},
		{"branches", branches},
		{"neighbours", neighbours},
		{"calls", calls},
		{"read_back", read_back},
		{"read_wider", read_wider},
		{"loads16", loads16},
		{"stores16", stores16},
		{"guesses", guesses},
		{"forks", forks},
		{"picks", picks},
		{"read_late", read_late},
		{"across", across},
		{"stores_across", stores_across},
		{"bytes", bytes},
	};
	u64 n = arg(argc, argv, 2, 1000);
	area = big_alloc(AREA);
	for (size_t i = 0; argc > 1 && i < sizeof(cases) / sizeof(*cases); i++)
		if (!strcmp(argv[1], cases[i].name)) {
			calls(2);
			if (cases[i].run == guesses || cases[i].run == forks ||
			    cases[i].run == picks)
				touch_pages(n);
			MARK_ROI_BEGIN();
			cases[i].run(n);
			MARK_ROI_END();
			return 0;
		}
	fputs("bounds: no such case\n", stderr);
	return 2;
}
