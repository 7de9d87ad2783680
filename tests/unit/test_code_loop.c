/* What a loop says of a load in it: which register counts its turns, and what else a turn does. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "source/code.h"

#define BASE	UINT64_C(0x401000)
#define PAD	128 /* nops before and after */
#define NONE	(-1)
#define UNEVEN	CXMS_SITE_UNEVEN
#define LONG	CXMS_SITE_LONG
#define DIRTIES CXMS_SITE_DIRTIES
#define RANDOM	INT64_MIN /* the address does not move evenly */

/* Code of a made-up program: [BASE, BASE + n). */
struct image {
	uint8_t bytes[1024];
	size_t n;
};

static int64_t image_read(void *arg, uint64_t addr, void *buf, size_t len)
{
	const struct image *m = arg;

	if (addr < BASE || addr >= BASE + m->n)
		return -EFAULT;
	if (len > BASE + m->n - addr)
		len = (size_t)(BASE + m->n - addr);
	memcpy(buf, m->bytes + (addr - BASE), len);
	return (int64_t)len;
}

/* '[' the loop's first instruction, '|' the sampled ip, right behind the load */
static void assemble(struct image *m, const char *hex, uint64_t *loop, uint64_t *ip)
{
	memset(m->bytes, 0x90, sizeof(m->bytes));
	m->n = PAD;
	for (const char *p = hex; *p; p++) {
		char digits[3] = {p[0], p[1], '\0'};

		if (*p == '[')
			*loop = BASE + m->n;
		else if (*p == '|')
			*ip = BASE + m->n;
		if (*p == '[' || *p == '|' || *p == ' ')
			continue;
		m->bytes[m->n++] = (uint8_t)strtoul(digits, NULL, 16);
		p++;
	}
	m->n += PAD;
}

/* What the loop says of the load or store before the mark; @loop: where it begins. */
static struct cxms_code_site site_of(const char *hex, uint64_t *loop)
{
	struct cxms_code *c = NULL;
	uint64_t ip = 0;
	struct image m;

	assert_int_equal(cxms_code_new(&c, NULL), 0);
	assemble(&m, hex, loop, &ip);
	struct cxms_code_site s = *cxms_code_site_at(c, ip, image_read, &m);
	cxms_code_free(c);
	return s;
}

static const struct row {
	const char *hex;
	int reg;
	int64_t step;
	unsigned flags;
	int64_t stride;
	const char *why;
} rows[] = {
	/* 1: mov (%rdi,%rax,8),%rdx; add (%rsi,%rdx,8),%rcx; add $1,%rax; cmp %r8,%rax; jne 1b */
	{"[ 48 8b 14 c7 48 03 0c d6 | 48 83 c0 01 4c 39 c0 75 ef c3", CXMS_REG_AX, 1, 0, RANDOM,
	 "the index of a gather"},
	/* 1: mov (%rdi),%rdx; lea 8(%rdi),%rdi; dec %ecx; jne 1b */
	{"[ 48 8b 17 | 48 8d 7f 08 ff c9 75 f5 c3", CXMS_REG_DI, 8, 0, 8,
	 "a pointer that lea moves comes before a counter"},
	/* 1: mov (%rdi),%rdx; add $8,%rdi; mov (%rdi),%rbx; add $8,%rdi; mov -8(%rdi),%r9;
	 * sub $-8,%rdi; cmp %rsi,%rdi; jne 1b */
	{"[ 48 8b 17 | 48 83 c7 08 48 8b 1f 48 83 c7 08 4c 8b 4f f8 48 83 ef f8 48 39 f7 75 e5 c3",
	 CXMS_REG_DI, 24, 0, 24, "the steps of an unrolled loop add up"},
	/* 1: mov (%rsi,%rdx,4),%ebx; sub $1,%eax; test %ebx,%ebx; jne 1b */
	{"[ 8b 1c 96 | 83 e8 01 85 db 75 f6 c3", CXMS_REG_AX, -1, 0, 0, "32 bits, downwards"},
	/* 1: mov (%rsi,%rdx,8),%rdx; test %rdx,%rdx; je 2f; add $4,%rbx; 2: inc %rax; cmp; jne 1b
	 */
	{"[ 48 8b 1c d6 | 48 85 d2 74 04 48 83 c1 04 48 ff c0 4c 39 c0 75 eb c3", CXMS_REG_AX, 1, 0,
	 0, "a step that may be passed over does not count"},
	/* 1: test %rdx,%rdx; je 2f; mov (%rsi,%rcx,8),%rbx; add %rbx,%rdx; 2: inc %rax; cmp; jne */
	{"[ 48 85 d2 74 07 48 8b 1c ce | 48 01 da 48 ff c0 4c 39 c0 75 ec c3", CXMS_REG_AX, 1,
	 UNEVEN, 0, "a load that may be passed over"},
	/* 1: inc %rax; test %rdx,%rdx; je 1b; mov (%rsi,%rcx,8),%rbx; add $16,%rcx; cmp; jne 1b */
	{"[ 48 ff c0 48 85 d2 74 f8 48 8b 1c ce | 48 83 c1 10 4c 39 c0 75 eb c3", CXMS_REG_AX, 1,
	 UNEVEN, RANDOM, "what comes behind an early next turn does not count"},
	/* 1: mov (%rdi),%rdx; add $8,%rdi; mov %rsi,%rdi; test %rdx,%rdx; jne 1b */
	{"[ 48 8b 17 | 48 83 c7 08 48 89 f7 48 85 d2 75 f1 c3", NONE, 0, 0, RANDOM,
	 "a register that is also written otherwise"},
	/* 1: mov (%rsi,%rdx,4),%ebx; add %rbx,%rdx; test %ebx,%ebx; jne 1b */
	{"[ 8b 1c 96 | 48 01 da 85 db 75 f6 c3", NONE, 0, CXMS_SITE_CARRIED, RANDOM,
	 "no constant step"},
	/* 1: mov (%rdi,%rbx,8),%rdx; add $1,%rax; add $1,%rbx; call 9f; cmp %rbx,%r12; jne 1b */
	{"[ 48 8b 14 df | 48 83 c0 01 48 83 c3 01 e8 06 00 00 00 49 39 dc 75 ea c3 c3", CXMS_REG_BX,
	 1, LONG, RANDOM, "a callee may change rax, not rbx"},
	/* 1: mov (%rdi,%rax,8),%rdx; imul %rdx,%rdx; mov %rdx,(%rdi,%rax,8); add $1,%rax; cmp; jne
	 */
	{"[ 48 8b 14 c7 | 48 0f af d2 48 89 14 c7 48 83 c0 01 4c 39 c0 75 eb c3", CXMS_REG_AX, 1,
	 DIRTIES, 8, "what it loads is stored again"},
	/* 1: mov (%rdi),%rdx; add $8,%rdi; mov %rdx,-8(%rdi); cmp %r8,%rdi; jne 1b */
	{"[ 48 8b 17 | 48 83 c7 08 48 89 57 f8 4c 39 c7 75 f0 c3", CXMS_REG_DI, 8, DIRTIES, 8,
	 "the same behind a moved pointer"},
	/* 1: mov (%rdi,%rax,8),%rdx; mov %rdx,(%rsi,%rax,8); add $1,%rax; cmp %r8,%rax; jne 1b */
	{"[ 48 8b 14 c7 | 48 89 14 c6 48 83 c0 01 4c 39 c0 75 ef c3", CXMS_REG_AX, 1, 0, 8,
	 "a copy stores elsewhere"},
	/* 1: mov (%rdi,%rcx,8),%rdx; 3: mov (%rsi,%rdx,8),%r9; add $2,%rbx; test; jne 3b;
	 * add $1,%rcx; cmp; jne 1b */
	{"48 8b 14 cf [ 4c 8b 0c d6 | 48 83 c3 02 4d 85 c9 75 f3 48 83 c1 01 4c 39 c1 75 e6 c3",
	 CXMS_REG_BX, 2, 0, 0, "the inner loop has a counter of its own"},
	/* 1: mov (%rdi,%rcx,8),%rdx; nop; 3: add $2,%rbx; add $4,%rdx; test %r9,%r9; jne 3b;
	 * add $1,%rcx; cmp; jne 1b */
	{"[ 48 8b 14 cf | 90 48 83 c3 02 48 83 c2 04 4d 85 c9 75 f3 48 83 c1 01 4c 39 c1 75 e5 c3",
	 CXMS_REG_CX, 1, LONG, 8, "an inner loop's registers do not count the outer one's turns"},
};

/* Addresses that each turn computes anew, of a load that stands at the end of it; behind it comes
 * add $1,%rcx; cmp %rcx,%r8; jne 1b */
static void test_an_address_computed_anew(void **state)
{
	static const struct {
		const char *hex;
		int64_t stride;
		unsigned made_at;
		const char *why;
	} forms[] = {
		/* 1: mov %rcx,%rax; and $0xffff,%eax; mov (%rdi,%rax,8),%rdx */
		{"[ 48 89 c8 25 ff ff 00 00 48 8b 14 c7 | 48 83 c1 01 49 39 c8 75 eb c3", 8, 8,
		 "a ring under a mask"},
		/* and $7,%eax */
		{"[ 48 89 c8 83 e0 07 48 8b 14 c7 | 48 83 c1 01 49 39 c8 75 ed c3", RANDOM, 6,
		 "eight places are no way"},
		/* 1: lea (%rcx,%rcx,2),%rax; and %r10,%rax; mov (%rdi,%rax,8),%rdx */
		{"[ 48 8d 04 49 4c 21 d0 48 8b 14 c7 | 48 83 c1 01 49 39 c8 75 ec c3", 24, 7,
		 "three at a time, under a mask in a register"},
		/* 1: mov %rcx,%rax; xor %edx,%edx; div %r9; shl $5,%rdx; add %rbx,%rdx;
		 * mov (%rdx),%rsi */
		{"[ 48 89 c8 31 d2 49 f7 f1 48 c1 e2 05 48 01 da 48 8b 32 | 48 83 c1 01 49 39 c8 "
		 "75 "
		 "e5 c3",
		 32, 15, "a ring by a remainder"},
		/* 1: imul $-1640531527,%rcx,%rax; and %r10,%rax; mov (%rdi,%rax,8),%rdx */
		{"[ 48 69 c1 b9 79 37 9e 4c 21 d0 48 8b 14 c7 | 48 83 c1 01 49 39 c8 75 e9 c3",
		 RANDOM, 10, "a hash"},
		/* 1: mov %rcx,%rax; shr $3,%rax; mov (%rdi,%rax,8),%rdx */
		{"[ 48 89 c8 48 c1 e8 03 48 8b 14 c7 | 48 83 c1 01 49 39 c8 75 ec c3", RANDOM, 7,
		 "less than a byte in most turns"},
		/* 1: mov %rcx,%rax; test %r9,%r9; je 2f; mov %r11,%rax; 2: mov (%rdi,%rax,8),%rdx
		 */
		{"[ 48 89 c8 4d 85 c9 74 03 4c 89 d8 48 8b 14 c7 | 48 83 c1 01 49 39 c8 75 e8 c3",
		 RANDOM, 11, "now this and now that"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		const bool is_even = forms[i].stride != RANDOM;
		uint64_t loop = 0;
		const struct cxms_code_site s = site_of(forms[i].hex, &loop);

		print_message("%s: flags %#x stride %ld\n", forms[i].why, s.flags, (long)s.stride);
		assert_int_equal(s.loop_ip, loop);
		assert_int_equal(!!(s.flags & CXMS_SITE_AFFINE), is_even);
		assert_int_equal(s.stride, is_even ? forms[i].stride : 0);
		assert_int_equal(s.made_at, forms[i].made_at);
	}
}

static void test_the_counting_register_of_a_loop(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *r = &rows[i];
		uint64_t loop = 0;
		const struct cxms_code_site site = site_of(r->hex, &loop), *s = &site;

		print_message("%s: register %d step %ld flags %#x stride %ld\n", r->why,
			      s->count_reg, (long)s->step, s->flags, (long)s->stride);
		assert_int_equal(s->count_reg, r->reg);
		assert_int_equal(s->step, r->step);
		assert_int_equal(s->flags,
				 r->flags | (r->stride == RANDOM ? 0u : CXMS_SITE_AFFINE));
		assert_int_equal(s->stride, r->stride == RANDOM ? 0 : r->stride);
		assert_int_equal(s->loop_ip, loop);
	}
}

/* As gcc writes for (i...) { load; if (n) do ...; while (--n); load }, the end copied into both
 * ways. 1: add $1,%rsi; cmp %rsi,%r11; je 9f; 2: mov (%r9,%rsi,8),%rdx; nop; test %rdi,%rdi; je 1b;
 * mov %rdi,%rax; 3: add $3,%rcx; dec %rax; jne 3b; mov (%r10,%rsi,8),%rdx; add $1,%rsi;
 * cmp %rsi,%r11; jne 2b; 9: */
static void test_a_loop_with_two_ends_is_one(void **state)
{
	uint64_t loop = 0;
	struct cxms_code_site s;
	(void)state;
	s = site_of(
		"[ 48 83 c6 01 49 39 f3 74 23 49 8b 14 f1 | 90 48 85 ff 74 ed 48 89 f8 48 83 c1 03 "
		"48 ff c8 75 f7 49 8b 14 f2 48 83 c6 01 49 39 f3 75 dd c3",
		&loop);
	assert_int_equal(s.loop_ip, loop);
	assert_int_equal(s.count_reg, CXMS_REG_SI);
	assert_true(s.flags & LONG); /* the second way has an inner loop */
	s = site_of(
		"[ 48 83 c6 01 49 39 f3 74 23 49 8b 14 f1 90 48 85 ff 74 ed 48 89 f8 48 83 c1 03 "
		"48 ff c8 75 f7 49 8b 14 f2 | 48 83 c6 01 49 39 f3 75 dd c3",
		&loop);
	assert_int_equal(s.loop_ip, loop);
	assert_int_equal(s.count_reg, CXMS_REG_SI);
	s = site_of(
		"48 83 c6 01 49 39 f3 74 23 49 8b 14 f1 90 48 85 ff 74 ed 48 89 f8 [ 48 83 c1 03 | "
		"48 ff c8 75 f7 49 8b 14 f2 48 83 c6 01 49 39 f3 75 dd c3",
		&loop);
	assert_int_equal(s.loop_ip, loop);
	assert_int_equal(s.outer_back, 22);
	assert_int_equal(s.outer_reg, CXMS_REG_SI);
	/* the ends count by different steps: two loops */
	s = site_of(
		"48 83 c6 02 49 39 f3 74 23 [ 49 8b 14 f1 90 48 85 ff 74 ed 48 89 f8 48 83 c1 03 "
		"48 ff c8 75 f7 49 8b 14 f2 | 48 83 c6 01 49 39 f3 75 dd c3",
		&loop);
	assert_int_equal(s.loop_ip, loop);
}

/* Loads whose address comes from what another load of a chain has found. */
static void test_what_hangs_on_a_chain(void **state)
{
	static const struct {
		const char *hex;
		bool is_carried;
		const char *why;
	} forms[] = {
		/* 1: movslq %edi,%rcx; mov %rsi,%rax; add $2,%rcx; jmp 3f; 2: cmp %rdx,(%rax);
		 * jae 4f; 3: mov %rax,%rsi; mov (%rax,%rcx,8),%rax; test; jne 2b; 4: sub $1,%edi;
		 * jae 1b */
		{"48 63 cf 48 89 f0 48 83 c1 02 eb 05 [ 48 39 10 | 73 0c 48 89 c6 48 8b 04 c8 48 "
		 "85 c0 75 ef 83 ef 01 73 de c3",
		 true, "the key of a skip list: each level goes on where the last one ended"},
		/* 1: mov %rbp,%rax; 2: add 8(%rax),%rbx; mov (%rax),%rax; test; jne 2b; dec %rdi;
		 * jne 1b */
		{"48 89 e8 [ 48 03 58 08 | 48 8b 00 48 85 c0 75 f4 48 ff cf 75 ec c3", true,
		 "a list from its head, again and again"},
		{"48 89 e8 [ 48 03 58 08 | 48 8b 00 48 85 c0 75 f4 c3", false,
		 "once: nothing tells how long it is"},
		/* the same, with imul %r13,%rbp; mov %ebp,%ecx; mov (%r12,%rcx,8),%rax before */
		{"49 0f af ed 89 e9 49 8b 04 cc [ 48 39 68 08 | 48 8b 00 48 85 c0 75 f4 48 ff cf "
		 "75 e5 c3",
		 false, "a bucket of a hash table"},
		/* 1: mov %r10d,%eax; 2: add (%rsi,%rax,8),%rbx; mov (%r8,%rax,4),%eax; test; jne
		 * 2b; dec %rdi; jne 1b */
		{"44 89 d0 [ 48 03 1c c6 | 41 8b 04 80 85 c0 75 f4 48 ff cf 75 ec c3", false,
		 "in an array beside that of the chain, which may be small"},
		/* the same in one array: add 8(%rsi,%rax),%rbx; mov (%rsi,%rax),%eax */
		{"44 89 d0 [ 48 03 5c 06 08 | 8b 04 06 85 c0 75 f4 48 ff cf 75 ec c3", true,
		 "in the array of the chain"},
		/* the list with mov 8(%rax),%rdx; mov (%rax),%rax; add (%rdx),%rbx */
		{"48 89 e8 [ 48 8b 50 08 48 8b 00 48 03 1a | 48 85 c0 75 f1 48 ff cf 75 e9 c3",
		 false, "what a node points at"},
		/* 1: lea (%rcx,%r8),%ebp; sar %ebp; cmp (%r12,%rbp,8),%rdx; cmovb %ebp,%r8d;
		 * cmovae %ebp,%ecx; mov %r8d,%eax; sub %ecx,%eax; cmp $1,%eax; jg 1b */
		{"[ 42 8d 2c 01 d1 fd 49 3b 14 ec | 44 0f 42 c5 0f 43 cd 44 89 c0 29 c8 83 f8 01 "
		 "7f e5 c3",
		 true, "a binary search without branches"},
		/* 1: mov (%rsi),%rax; lea 8(%rsi),%r9; cmp (%rdi),%rax; cmovb %r9,%rsi;
		 * mov %rax,(%rdx); add $8,%rdx; cmp %rdx,%rcx; jne 1b */
		{"[ 48 8b 06 | 4c 8d 4e 08 48 3b 07 49 0f 42 f1 48 89 02 48 83 c2 08 48 39 d1 75 "
		 "e6 c3",
		 false, "a merge without branches goes along its memory"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		uint64_t loop = 0;
		const struct cxms_code_site s = site_of(forms[i].hex, &loop);

		print_message("%s: flags %#x\n", forms[i].why, s.flags);
		assert_int_equal(s.kind, CXMS_SITE_LOAD);
		assert_int_equal(s.loop_ip, loop);
		assert_int_equal(!!(s.flags & CXMS_SITE_CARRIED), forms[i].is_carried);
	}
}

static void test_lines_of_a_turn(void **state)
{
	static const struct {
		const char *hex;
		unsigned lines;
	} forms[] = {
		/* 1: mov (%rdi),%rdx; add 64(%rdi),%rdx; add 72(%rdi),%rdx; sub $-128,%rdi; cmp;
		   jne 1b */
		{"[ 48 8b 17 | 48 03 57 40 48 03 57 48 48 83 ef 80 48 39 f7 75 ec c3", 2},
		/* 1: mov (%rdi),%rdx; add (%rsi),%rdx; add $8,%rdi; cmp %r8,%rdi; jne 1b */
		{"[ 48 8b 17 | 48 03 16 48 83 c7 08 4c 39 c7 75 f1 c3", 1},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		uint64_t loop = 0;

		assert_int_equal(site_of(forms[i].hex, &loop).turn_lines, forms[i].lines);
	}
}

/* A store or a load whose address lies in memory, and is moved on there. */
static void test_who_goes_on_where_it_ended(void **state)
{
	static const struct {
		const char *hex, *why;
		int64_t stride; /* 0: it does not */
		enum cxms_site_kind kind;
	} forms[] = {
		/* 1: mov %ecx,%eax; and (%rdx,%rdi,4),%eax; shl $4,%rax; add %r10,%rax;
		 * mov (%rax),%r8; lea 8(%r8),%r9; mov %r9,(%rax); mov %rdi,(%r8); add $1,%rdi; cmp;
		 * jne 1b */
		{"[ 89 c8 23 04 ba 48 c1 e0 04 4c 01 d0 4c 8b 00 4d 8d 48 08 4c 89 08 49 89 38 | "
		 "48 83 c7 01 48 39 fe 75 de c3",
		 "*list[key].end++ = x", 8, CXMS_SITE_STORE},
		/* 1: mov (%rdx),%rax; add $16,%rdx; shr %cl,%rax; lea (%r11,%rax,8),%rsi;
		 * mov (%rsi),%rax; lea 1(%rax),%rdi; shl $4,%rax; mov %rdi,(%rsi);
		 * movdqu -16(%rdx),%xmm0; movups %xmm0,(%r10,%rax); cmp; jne 1b */
		{"[ 48 8b 02 48 83 c2 10 48 d3 e8 49 8d 34 c3 48 8b 06 48 8d 78 01 48 c1 e0 04 "
		 "48 89 3e f3 0f 6f 42 f0 41 0f 11 04 02 | 49 39 d1 75 d5 c3",
		 "records of 16 bytes by a table of indexes", 16, CXMS_SITE_STORE},
		/* 1: mov (%rcx),%eax; mov %rcx,%rdi; sub $4,%rcx; lea (%r8,%rax,4),%rsi;
		 * mov (%rsi),%eax; sub $1,%eax; mov %eax,(%rsi); mov 4(%rcx),%esi;
		 * mov %esi,(%r9,%rax,4); cmp; jne 1b */
		{"[ 8b 01 48 89 cf 48 83 e9 04 49 8d 34 80 8b 06 83 e8 01 89 06 8b 71 04 "
		 "41 89 34 81 | 48 39 fa 75 e0 c3",
		 "from the end, out[--at[key]] = x", -4, CXMS_SITE_STORE},
		/* the same with add $-1,%rsi behind the load: the place has another name */
		{"[ 8b 01 48 89 cf 48 83 e9 04 49 8d 34 80 8b 06 48 83 c6 ff 83 e8 01 89 06 "
		 "8b 71 04 41 89 34 81 | 48 39 fa 75 dc c3",
		 "it goes to the place beside", 0, CXMS_SITE_STORE},
		/* 1: mov (%rdx),%rax; mov %rdi,(%r10,%rax,8); add $8,%rdx; cmp; jne 1b */
		{"[ 48 8b 02 49 89 3c c2 | 48 83 c2 08 48 39 d1 75 f0 c3", "a scatter", 0,
		 CXMS_SITE_STORE},
		/* 1: mov (%rsi),%rax; mov %rax,(%r10); lea 8(%rax),%rdi; mov %rdi,(%rsi);
		 * add $8,%r10; cmp %rdx,%r9; jne 1b */
		{"[ 48 8b 06 49 89 02 | 48 8d 78 08 48 89 3e 49 83 c2 08 49 39 d1 75 ea c3",
		 "the value is what is stored, not where", 0, CXMS_SITE_STORE},
		/* 1: mov %r8d,%ecx; and $63,%ecx; mov (%rdx,%rcx,8),%rsi; lea 8(%rsi),%rdi;
		 * mov %rdi,(%rdx,%rcx,8); mov 8(%rsi),%rax; add %rax,%r10; add $1,%r8; cmp; jne 1b
		 */
		{"[ 44 89 c1 83 e1 3f 48 8b 34 ca 48 8d 7e 08 48 89 3c ca 48 8b 46 08 | "
		 "49 01 c2 49 83 c0 01 4d 39 c1 75 de c3",
		 "x = *++run[i].next: a load that reads on", 8, CXMS_SITE_LOAD},
		/* the same, but what is stored is what was read */
		{"[ 44 89 c1 83 e1 3f 48 8b 34 ca 48 8d 7e 08 48 8b 46 08 | 48 89 04 ca "
		 "49 01 c2 49 83 c0 01 4d 39 c1 75 de c3",
		 "a list by each run: the next one's address is read", 0, CXMS_SITE_LOAD},
		/* the load that reads on; behind it mov %r11,(%rdx,%rcx,8) */
		{"[ 44 89 c1 83 e1 3f 48 8b 34 ca 48 8d 7e 08 48 89 3c ca 48 8b 46 08 | "
		 "4c 89 1c ca 49 01 c2 49 83 c0 01 4d 39 c1 75 da c3",
		 "the next address comes from elsewhere", 0, CXMS_SITE_LOAD},
		/* the same store before that of the moved address */
		{"[ 44 89 c1 83 e1 3f 48 8b 34 ca 48 8d 7e 08 4c 89 1c ca 48 89 3c ca "
		 "48 8b 46 08 | 49 01 c2 49 83 c0 01 4d 39 c1 75 da c3",
		 "it comes from one of two", 0, CXMS_SITE_LOAD},
		/* movq $0,(%rdx,%rcx,8) */
		{"[ 44 89 c1 83 e1 3f 48 8b 34 ca 48 8d 7e 08 48 89 3c ca 48 8b 46 08 | "
		 "48 c7 04 ca 00 00 00 00 49 01 c2 49 83 c0 01 4d 39 c1 75 d6 c3",
		 "a constant is stored there", 0, CXMS_SITE_LOAD},
		/* add %r11,(%rdx,%rcx,8) */
		{"[ 44 89 c1 83 e1 3f 48 8b 34 ca 48 8d 7e 08 48 89 3c ca 48 8b 46 08 | "
		 "4c 01 1c ca 49 01 c2 49 83 c0 01 4d 39 c1 75 da c3",
		 "it is moved on by more than is known", 0, CXMS_SITE_LOAD},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		uint64_t loop = 0;
		const struct cxms_code_site site = site_of(forms[i].hex, &loop), *s = &site;

		print_message("%s: flags %#x stride %ld\n", forms[i].why, s->flags,
			      (long)s->stride);
		assert_int_equal(s->kind, forms[i].kind);
		assert_int_equal(s->loop_ip, loop);
		assert_int_equal(!!(s->flags & CXMS_SITE_APPENDS), forms[i].stride != 0);
		if (!(s->flags & CXMS_SITE_AFFINE))
			assert_int_equal(s->stride, forms[i].stride);
	}
}

static void test_all_sites_of_a_loop_count_alike(void **state)
{
	const char *hex = "[ 48 8b 14 c7 | 48 03 0c d6 48 83 c0 01 4c 39 c0 75 ef c3";
	static const unsigned starts[] = {4, 8, 12, 15}; /* behind each but the branch back */
	struct cxms_code *c = NULL;
	uint64_t loop = 0, ip = 0;
	struct image m;

	(void)state;
	assert_int_equal(cxms_code_new(&c, NULL), 0);
	assemble(&m, hex, &loop, &ip);
	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
		const struct cxms_code_site *s =
			cxms_code_site_at(c, loop + starts[i], image_read, &m);

		assert_int_equal(s->loop_ip, loop);
		assert_int_equal(s->count_reg, CXMS_REG_AX);
		assert_int_equal(s->step, 1);
	}
	cxms_code_free(c);
}

static void test_the_counting_register_of_the_loop_around(void **state)
{
	static const struct {
		const char *hex;
		unsigned before; /* the loop around begins that far before; 0 = there is none */
		int reg;
		int64_t step;
		const char *why;
	} forms[] = {
		/* 1: mov (%rdi,%rcx,8),%rdx; 3: mov (%rsi,%rdx,8),%r9; add $2,%rbx; test; jne 3b;
		 * add $1,%rcx; cmp; jne 1b */
		{"48 8b 14 cf [ 4c 8b 0c d6 | 48 83 c3 02 4d 85 c9 75 f3 48 83 c1 01 4c 39 c1 75 "
		 "e6 c3",
		 4, CXMS_REG_CX, 1, "the index of the outer loop"},
		/* 1: xor %ebx,%ebx; 3: mov (%rsi,%rbx,8),%r9; add $1,%rbx; cmp %r8,%rbx; jne 3b;
		 * lea 64(%rsi),%rsi; cmp %rdi,%rsi; jne 1b */
		{"31 db [ 4c 8b 0c de | 48 83 c3 01 4c 39 c3 75 f3 48 8d 76 40 48 39 fe 75 e8 c3",
		 2, CXMS_REG_SI, 64, "the row"},
		/* gcc's column sum. 1: lea -64(%rdx),%rax; 3: add (%rax),%r9; add $32,%rax;
		 * cmp %rdx,%rax; jne 3b; lea 8(%rax),%rdx; cmp %rcx,%rdx; jne 1b */
		{"48 8d 42 c0 [ 4c 03 08 | 48 83 c0 20 48 39 d0 75 f4 48 8d 50 08 48 39 ca 75 e7 "
		 "c3",
		 4, CXMS_REG_DX, 8, "the end that the next run begins from"},
		/* the same with cmp %rsi,%rax */
		{"48 8d 42 c0 [ 4c 03 08 | 48 83 c0 20 48 39 f0 75 f4 48 8d 50 08 48 39 ca 75 e7 "
		 "c3",
		 4, NONE, 0, "from elsewhere: it is not where the run ended"},
		/* the same, but the row moves in the inner loop, too */
		{"31 db [ 4c 8b 0c de | 48 83 c3 01 48 83 c6 08 4c 39 c3 75 ef 48 8d 76 40 48 39 "
		 "fe 75 e4 c3",
		 2, NONE, 0, "what both move counts neither's turns"},
		/* 1: mov (%rdi,%rax,8),%rdx; add $1,%rax; cmp %r8,%rax; jne 1b */
		{"[ 48 8b 14 c7 | 48 83 c0 01 4c 39 c0 75 f3 c3", 0, NONE, 0, "no loop around it"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		uint64_t loop = 0;
		const struct cxms_code_site site = site_of(forms[i].hex, &loop), *s = &site;

		print_message("%s: register %d step %ld\n", forms[i].why, s->outer_reg,
			      (long)s->outer_step);
		assert_int_equal(s->loop_ip, loop);
		assert_int_equal(s->outer_back, forms[i].before);
		assert_int_equal(s->outer_reg, forms[i].reg);
		assert_int_equal(s->outer_step, forms[i].step);
	}
}

/* The innermost loop around a load in which a prefetch instruction runs. */
static void test_a_loop_that_asks_ahead(void **state)
{
	static const struct {
		const char *hex;
		unsigned before, bytes; /* it begins that far before the load's loop; 0 = none */
		const char *why;
	} forms[] = {
		/* 1: prefetcht0 (%rsi); mov (%rdi),%rax; add $8,%rdi; add $8,%rsi; cmp; jne 1b */
		{"[ 0f 18 0e 48 8b 07 | 48 83 c7 08 48 83 c6 08 48 39 d7 75 ed c3", 0, 19,
		 "the load's own"},
		{"[ 0f 0d 0e 48 8b 07 | 48 83 c7 08 48 83 c6 08 48 39 d7 75 ed c3", 0, 19,
		 "prefetchw"},
		{"[ 0f 18 26 48 8b 07 | 48 83 c7 08 48 83 c6 08 48 39 d7 75 ed c3", 0, 0,
		 "a nop that looks alike"},
		/* 1: prefetch (%rsi); add; cmp; jne 1b; 2: mov (%rdi),%rax; add; cmp; jne 2b;
		 * dec %rcx; jne 1b */
		{"0f 18 0e 48 83 c6 08 48 39 d6 75 f4 [ 48 8b 07 | 48 83 c7 08 48 39 d7 75 f4 48 "
		 "ff c9 75 e3 c3",
		 12, 29, "a loop that runs before it, both in one"},
		{"0f 18 0e 48 83 c6 08 48 39 d6 75 f4 [ 48 8b 07 | 48 83 c7 08 48 39 d7 75 f4 c3",
		 0, 0, "once before it is not again and again"},
		/* 1: prefetch (%rsi); jmp 3f; 2: add $8,%rdi; 3: mov (%rdi),%rax; cmp; jne 2b; dec
		 * %rcx; jne 1b */
		{"0f 18 0e eb 04 [ 48 83 c7 08 48 8b 07 | 48 39 c7 75 f4 48 ff c9 75 ea c3", 5, 22,
		 "an inner loop that is entered in the middle"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		uint64_t loop = 0;
		const struct cxms_code_site s = site_of(forms[i].hex, &loop);

		print_message("%s: %u bytes\n", forms[i].why, s.ahead_bytes);
		assert_int_equal(s.loop_ip, loop);
		assert_int_equal(s.ahead_bytes, forms[i].bytes);
		assert_int_equal(s.ahead_ip, forms[i].bytes ? loop - forms[i].before : 0);
	}
}

/* 1: mov (%rdx),%rax; mov %r8,%rcx; rep movsq; add $64,%rdx; cmp %r9,%rdx; jne 1b */
static void test_a_string_instruction_is_a_loop(void **state)
{
	uint64_t loop = 0;
	struct cxms_code_site s;
	(void)state;
	/* interrupted at itself, and behind it */
	static const char *const inside[] = {
		"48 8b 02 4c 89 c1 [ | f3 48 a5 48 83 c2 40 4c 39 ca 75 ee c3",
		"48 8b 02 4c 89 c1 [ f3 48 a5 | 48 83 c2 40 4c 39 ca 75 ee c3"};
	for (int i = 0; i < 2; i++) {
		s = site_of(inside[i], &loop);
		assert_int_equal(s.kind, CXMS_SITE_STRING);
		assert_int_equal(s.loop_ip, loop);
		assert_int_equal(s.loop_insns, 1);
		assert_int_equal(s.count_reg, CXMS_REG_CX);
		assert_int_equal(s.step, -1);
		assert_int_equal(s.flags, CXMS_SITE_AFFINE);
		assert_int_equal(s.stride, 8);
		assert_int_equal(s.outer_back, 6);
		assert_int_equal(s.outer_reg, CXMS_REG_DX);
		assert_int_equal(s.outer_step, 64);
	}
	s = site_of("[ 48 8b 02 | 4c 89 c1 f3 48 a5 48 83 c2 40 4c 39 ca 75 ee c3", &loop);
	assert_int_equal(s.loop_ip, loop);
	assert_int_equal(s.flags, CXMS_SITE_AFFINE | CXMS_SITE_LONG);
	s = site_of("[ 48 8b 02 | 4c 89 c1 90 48 a5 48 83 c2 40 4c 39 ca 75 ee c3", &loop);
	assert_int_equal(s.flags, CXMS_SITE_AFFINE); /* one element */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_counting_register_of_a_loop),
		cmocka_unit_test(test_the_counting_register_of_the_loop_around),
		cmocka_unit_test(test_a_loop_that_asks_ahead),
		cmocka_unit_test(test_a_string_instruction_is_a_loop),
		cmocka_unit_test(test_a_loop_with_two_ends_is_one),
		cmocka_unit_test(test_what_hangs_on_a_chain),
		cmocka_unit_test(test_an_address_computed_anew),
		cmocka_unit_test(test_lines_of_a_turn),
		cmocka_unit_test(test_who_goes_on_where_it_ended),
		cmocka_unit_test(test_all_sites_of_a_loop_count_alike),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
