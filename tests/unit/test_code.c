/* Which memory operand an instruction pointer waited for: hand-assembled forms, and libc's own
 * code. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <capstone/capstone.h>
#include <dlfcn.h>
#include <link.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "source/code.h"
#include "source/code_priv.h"

#define BASE  UINT64_C(0x401000)
#define PAD   128 /* nops before and after: rows are never at the edge of what can be read */
#define AX    CXMS_REG_AX
#define BX    CXMS_REG_BX
#define CX    CXMS_REG_CX
#define DX    CXMS_REG_DX
#define SI    CXMS_REG_SI
#define DI    CXMS_REG_DI
#define BP    CXMS_REG_BP
#define SP    CXMS_REG_SP
#define NOREG (-1)

/* Code of a made-up program: [BASE, BASE + n). */
struct image {
	uint8_t bytes[8192];
	size_t n;
	unsigned reads;
};

static int64_t image_read(void *arg, uint64_t addr, void *buf, size_t len)
{
	struct image *m = arg;

	m->reads++;
	if (addr < BASE || addr >= BASE + m->n)
		return -EFAULT;
	if (len > BASE + m->n - addr)
		len = (size_t)(BASE + m->n - addr);
	memcpy(buf, m->bytes + (addr - BASE), len);
	return (int64_t)len;
}

/* Addresses of the marks in a row: '|' the sampled ip, '^' the instruction expected to have waited.
 */
struct marks {
	uint64_t ip, waited;
};

static struct marks assemble(struct image *m, const char *hex)
{
	struct marks at = {0, 0};

	memset(m, 0, sizeof(*m));
	memset(m->bytes, 0x90, PAD);
	m->n = PAD;
	for (const char *p = hex; *p; p++) {
		char digits[3] = {p[0], p[1], '\0'};

		if (*p == '|')
			at.ip = BASE + m->n;
		else if (*p == '^')
			at.waited = BASE + m->n;
		if (*p == '|' || *p == '^' || *p == ' ')
			continue;
		m->bytes[m->n++] = (uint8_t)strtoul(digits, NULL, 16);
		p++;
	}
	memset(m->bytes + m->n, 0x90, PAD);
	m->n += PAD;
	return at;
}

static struct cxms_code *code_new(void)
{
	struct cxms_code *c = NULL;

	assert_int_equal(cxms_code_new(&c, NULL), 0);
	return c;
}

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static struct cxms_regs random_regs(uint64_t *state)
{
	struct cxms_regs r = {.fs_known = true, .gs_known = true};

	for (int i = 0; i < CXMS_REG_GPR_END; i++)
		r.gpr[i] = next_random(state);
	r.fs_base = next_random(state);
	r.gs_base = next_random(state);
	return r;
}

#define LOAD   CXMS_SITE_LOAD
#define STORE  CXMS_SITE_STORE
#define UPDATE CXMS_SITE_UPDATE
#define STRING CXMS_SITE_STRING
#define NONE   CXMS_SITE_NONE
#define SELF   (CXMS_SITE_SELF | CXMS_SITE_CARRIED)
#define FUSED  CXMS_SITE_FUSED
#define STACK  CXMS_SITE_STACK
#define TLS    CXMS_SITE_TLS
#define GATHER (CXMS_SITE_GATHER | CXMS_SITE_NOADDR)
#define NOADDR CXMS_SITE_NOADDR

/* Address expected: base + index * scale + disp, from the registers after the instruction. */
static const struct form {
	const char *hex, *why;
	int kind;
	unsigned flags;
	unsigned bytes;
	int base, index;
	unsigned scale;
	int64_t disp; /* rip: added to the address of the next instruction */
	bool is_rip, is_addr32;
	int segment;
} forms[] = {
	{"^ 48 8b 07 | 48 01 c3", "mov (%rdi),%rax", LOAD, 0, 8, DI, NOREG, 1, 0, 0, 0, 0},
	{"^ 8b 44 9f f8 | 90", "mov -8(%rdi,%rbx,4),%eax", LOAD, 0, 4, DI, BX, 4, -8, 0, 0, 0},
	{"^ 4a 8b 84 e7 00 10 00 00 | 90", "mov 0x1000(%rdi,%r12,8),%rax", LOAD, 0, 8, DI,
	 CXMS_REG_R12, 8, 0x1000, 0, 0, 0},
	{"^ 48 8b 04 dd 00 00 00 80 | 90", "mov -0x80000000(,%rbx,8),%rax", LOAD, 0, 8, NOREG, BX,
	 8, INT32_MIN, 0, 0, 0},
	{"^ 48 8b 05 10 00 00 00 | 90", "mov 16(%rip),%rax", LOAD, 0, 8, NOREG, NOREG, 1, 16, true,
	 0, 0},
	{"^ 83 3d f0 ff ff ff 01 | 90", "cmpl $1,-16(%rip): immediate after the displacement", LOAD,
	 0, 4, NOREG, NOREG, 1, -16, true, 0, 0},
	{"^ 64 48 8b 04 25 28 00 00 00 | 90", "mov %fs:0x28,%rax", LOAD, TLS, 8, NOREG, NOREG, 1,
	 0x28, 0, 0, 4},
	{"^ 65 48 8b 1c c7 | 90", "mov %gs:(%rdi,%rax,8),%rbx", LOAD, TLS, 8, DI, AX, 8, 0, 0, 0,
	 5},
	{"^ 67 8b 44 1f 10 | 90", "mov 16(%edi,%ebx),%eax", LOAD, 0, 4, DI, BX, 1, 16, 0, true, 0},
	{"^ 67 64 8b 47 08 | 90", "mov %fs:8(%edi),%eax: cut before the segment", LOAD, TLS, 4, DI,
	 NOREG, 1, 8, 0, true, 4},
	{"^ 48 a1 00 11 22 33 44 55 00 00 | 90", "movabs 0x554433221100,%rax", LOAD, 0, 8, NOREG,
	 NOREG, 1, 0x554433221100, 0, 0, 0},
	{"^ 4d 8b 6d 00 | 90", "mov (%r13),%r13: next of the walk", LOAD, SELF, 8, CXMS_REG_R13,
	 NOREG, 1, 0, 0, 0, 0},
	{"^ 48 8b 40 10 | 90", "mov 16(%rax),%rax", LOAD, SELF, 8, AX, NOREG, 1, 16, 0, 0, 0},
	{"^ 8b 00 | 90", "mov (%rax),%eax: half of the base", LOAD, NOADDR, 4, AX, NOREG, 1, 0, 0,
	 0, 0},
	{"^ 8a 00 | 90", "mov (%rax),%al", LOAD, NOADDR, 1, AX, NOREG, 1, 0, 0, 0, 0},
	{"^ 8a 20 | 90", "mov (%rax),%ah", LOAD, NOADDR, 1, AX, NOREG, 1, 0, 0, 0, 0},
	{"^ 48 8b 04 c7 | 90", "mov (%rdi,%rax,8),%rax: index overwritten", LOAD, NOADDR, 8, DI, AX,
	 8, 0, 0, 0, 0},
	{"^ 48 8b 04 18 | 90", "mov (%rax,%rbx),%rax: base with index", LOAD, NOADDR, 8, AX, BX, 1,
	 0, 0, 0, 0},
	{"^ 48 03 00 | 90", "add (%rax),%rax", LOAD, NOADDR, 8, AX, NOREG, 1, 0, 0, 0, 0},
	{"^ 0f b6 06 | 90", "movzbl (%rsi),%eax", LOAD, 0, 1, SI, NOREG, 1, 0, 0, 0, 0},
	{"^ 48 f7 31 | 90", "divq (%rcx)", LOAD, 0, 8, CX, NOREG, 1, 0, 0, 0, 0},
	{"^ 48 f7 32 | 90", "divq (%rdx): rdx is a result", LOAD, NOADDR, 8, DX, NOREG, 1, 0, 0, 0,
	 0},
	{"^ 48 89 07 | 90", "mov %rax,(%rdi)", STORE, 0, 8, DI, NOREG, 1, 0, 0, 0, 0},
	{"^ c7 47 04 01 00 00 00 | 90", "movl $1,4(%rdi)", STORE, 0, 4, DI, NOREG, 1, 4, 0, 0, 0},
	{"^ 0f 94 07 | 90", "sete (%rdi)", STORE, 0, 1, DI, NOREG, 1, 0, 0, 0, 0},
	{"^ 0f c3 07 | 90", "movnti %eax,(%rdi)", STORE, CXMS_SITE_NONTEMP, 4, DI, NOREG, 1, 0, 0,
	 0, 0},
	{"^ 0f 11 06 | 90", "movups %xmm0,(%rsi)", STORE, 0, 16, SI, NOREG, 1, 0, 0, 0, 0},
	{"^ c5 fd e7 06 | 90", "vmovntdq %ymm0,(%rsi)", STORE, CXMS_SITE_NONTEMP, 32, SI, NOREG, 1,
	 0, 0, 0, 0},
	{"^ dd 1e | 90", "fstpl (%rsi)", STORE, 0, 8, SI, NOREG, 1, 0, 0, 0, 0},
	{"^ dd 06 | 90", "fldl (%rsi)", LOAD, 0, 8, SI, NOREG, 1, 0, 0, 0, 0},
	{"^ 66 0f 3a 16 06 01 | 90", "pextrd $1,%xmm0,(%rsi)", STORE, 0, 4, SI, NOREG, 1, 0, 0, 0,
	 0},
	{"^ 48 01 07 | 90", "add %rax,(%rdi)", UPDATE, 0, 8, DI, NOREG, 1, 0, 0, 0, 0},
	{"^ ff 07 | 90", "incl (%rdi)", UPDATE, 0, 4, DI, NOREG, 1, 0, 0, 0, 0},
	{"^ f0 ff 0f | 90", "lock decl (%rdi)", UPDATE, 0, 4, DI, NOREG, 1, 0, 0, 0, 0},
	{"^ d1 27 | 90", "shll (%rdi)", UPDATE, 0, 4, DI, NOREG, 1, 0, 0, 0, 0},
	{"^ 48 87 1f | 90", "xchg %rbx,(%rdi)", UPDATE, 0, 8, DI, NOREG, 1, 0, 0, 0, 0},
	{"^ f0 48 0f c1 07 | 90", "lock xadd %rax,(%rdi)", UPDATE, 0, 8, DI, NOREG, 1, 0, 0, 0, 0},
	{"^ f0 48 0f b1 17 | 90", "lock cmpxchg %rdx,(%rdi)", UPDATE, 0, 8, DI, NOREG, 1, 0, 0, 0,
	 0},
	{"^ f0 48 0f b1 10 | 90", "lock cmpxchg %rdx,(%rax): rax is written", UPDATE, NOADDR, 8, AX,
	 NOREG, 1, 0, 0, 0, 0},
	{"^ f0 48 0f c7 0f | 90", "lock cmpxchg16b (%rdi)", UPDATE, 0, 16, DI, NOREG, 1, 0, 0, 0,
	 0},
	{"^ 48 0f a3 07 | 90", "bt %rax,(%rdi)", LOAD, 0, 8, DI, NOREG, 1, 0, 0, 0, 0},
	{"^ 48 8d 04 9f | 90", "lea", NONE, 0, 0, NOREG, NOREG, 1, 0, 0, 0, 0},
	{"^ 0f 18 0f | 90", "prefetcht0: nobody waits for it", NONE, 0, 0, NOREG, NOREG, 1, 0, 0, 0,
	 0},
	{"^ 0f 0d 0f | 90", "prefetchw", NONE, 0, 0, NOREG, NOREG, 1, 0, 0, 0, 0},
	{"^ 66 0f 1f 44 00 00 | 48 01 c3", "nop with a memory form", NONE, 0, 0, NOREG, NOREG, 1, 0,
	 0, 0, 0},
	{"^ f3 0f 1e fa | 90", "endbr64", NONE, 0, 0, NOREG, NOREG, 1, 0, 0, 0, 0},
	{"^ 48 01 c3 | 90", "add %rax,%rbx", NONE, 0, 0, NOREG, NOREG, 1, 0, 0, 0, 0},
	{"^ c5 fe 6f 0e | 90", "vmovdqu (%rsi),%ymm1", LOAD, 0, 32, SI, NOREG, 1, 0, 0, 0, 0},
	{"^ 62 f1 fe 48 6f 4e 02 | 90", "vmovdqu64 0x80(%rsi),%zmm1: scaled displacement", LOAD, 0,
	 64, SI, NOREG, 1, 128, 0, 0, 0},
	{"^ 62 f1 7c 48 11 06 | 90", "vmovups %zmm0,(%rsi)", STORE, 0, 64, SI, NOREG, 1, 0, 0, 0,
	 0},
	{"^ 62 f1 7c 58 58 46 01 | 90", "vaddps 4(%rsi){1to16},%zmm0,%zmm0", LOAD, 0, 4, SI, NOREG,
	 1, 4, 0, 0, 0},
	{"^ c4 e2 fd 92 0c 08 | 90", "vgatherdpd %ymm0,(%rax,%xmm1),%ymm1", LOAD, GATHER, 8, AX,
	 NOREG, 1, 0, 0, 0, 0},
	{"^ 62 f2 fd 49 92 0c 08 | 90", "vgatherdpd (%rax,%ymm1),%zmm1{%k1}", LOAD, GATHER, 8, AX,
	 NOREG, 1, 0, 0, 0, 0},
	{"^ 62 f2 fd 49 a2 0c 08 | 90", "vscatterdpd %zmm1,(%rax,%ymm1){%k1}", STORE, GATHER, 8, AX,
	 NOREG, 1, 0, 0, 0, 0},
	{"^ 50 | 90", "push %rax", STORE, STACK, 8, SP, NOREG, 1, 0, 0, 0, 0},
	{"^ 58 | 90", "pop %rax", LOAD, STACK, 8, SP, NOREG, 1, -8, 0, 0, 0},
	{"^ 5c | 90", "pop %rsp", LOAD, STACK | NOADDR, 8, SP, NOREG, 1, -8, 0, 0, 0},
	{"^ c9 | 90", "leave", LOAD, STACK, 8, SP, NOREG, 1, -8, 0, 0, 0},
	{"^ ff 30 | 90", "push (%rax)", LOAD, 0, 8, AX, NOREG, 1, 0, 0, 0, 0},
	{"^ ff 74 24 08 | 90", "push 8(%rsp): sp has moved since", LOAD, STACK, 8, SP, NOREG, 1, 16,
	 0, 0, 0},
	{"^ 8f 07 | 90", "pop (%rdi)", STORE, 0, 8, DI, NOREG, 1, 0, 0, 0, 0},
	{"^ 8f 44 24 08 | 90", "pop 8(%rsp)", STORE, STACK, 8, SP, NOREG, 1, 8, 0, 0, 0},
	{"^ 48 8b 44 24 18 | 90", "mov 24(%rsp),%rax", LOAD, STACK, 8, SP, NOREG, 1, 24, 0, 0, 0},
	{"^ 48 8b 45 f8 | 90", "mov -8(%rbp),%rax: rbp may be any pointer", LOAD, 0, 8, BP, NOREG,
	 1, -8, 0, 0, 0},
	{"55 48 89 e5 ^ 48 8b 45 f8 | 90", "push %rbp; mov %rsp,%rbp: a frame", LOAD, STACK, 8, BP,
	 NOREG, 1, -8, 0, 0, 0},
	{"48 89 e5 c9 c3 55 48 89 fd ^ 48 8b 45 f8 | 90", "the frame of the function before", LOAD,
	 0, 8, BP, NOREG, 1, -8, 0, 0, 0},
	{"^ e8 00 10 00 00 | 90", "after a call: the callee's return", LOAD, STACK, 8, SP, NOREG, 1,
	 -8, 0, 0, 0},
	{"^ ff 10 | 90", "after call *(%rax): the callee's return", LOAD, STACK, 8, SP, NOREG, 1,
	 -8, 0, 0, 0},
	{"^ 48 ab | 90", "stosq: rdi has advanced", STORE, 0, 8, DI, NOREG, 1, -8, 0, 0, 0},
	{"^ ac | 90", "lodsb", LOAD, 0, 1, SI, NOREG, 1, -1, 0, 0, 0},
	{"^ ae | 90", "scasb", LOAD, 0, 1, DI, NOREG, 1, -1, 0, 0, 0},
	{"^ 48 3b 07 74 05 | 90", "cmp (%rdi),%rax; je", LOAD, FUSED, 8, DI, NOREG, 1, 0, 0, 0, 0},
	{"^ 85 07 0f 85 00 01 00 00 | 90", "test %eax,(%rdi); jne near", LOAD, FUSED, 4, DI, NOREG,
	 1, 0, 0, 0, 0},
	{"^ 48 03 07 72 05 | 90", "add (%rdi),%rax; jc", LOAD, FUSED, 8, DI, NOREG, 1, 0, 0, 0, 0},
	{"48 85 c0 ^ 74 05 | 90", "test %rax,%rax; je: nothing waited", NONE, 0, 0, NOREG, NOREG, 1,
	 0, 0, 0, 0},
	{"ff 0f ^ 74 05 | 90", "decl (%rdi); je: an update does not fuse", NONE, 0, 0, NOREG, NOREG,
	 1, 0, 0, 0, 0},
	{"48 3b 07 ^ e3 05 | 90", "cmp; jrcxz: does not fuse", NONE, 0, 0, NOREG, NOREG, 1, 0, 0, 0,
	 0},
	{"48 8b 07 ^ 74 05 | 90", "mov (%rdi),%rax; je: not fusible", NONE, 0, 0, NOREG, NOREG, 1,
	 0, 0, 0, 0},
	{"48 8b 07 ^ eb 00 | 90", "jmp to the next: its branch is known", NONE, 0, 0, NOREG, NOREG,
	 1, 0, 0, 0, 0},
	{"^ ff 24 c5 00 10 40 00 | 90", "jmp *table(,%rax,8): falls nowhere", NONE, 0, 0, NOREG,
	 NOREG, 1, 0, 0, 0, 0},
	{"^ 62 f3 7d 20 3f 40 fd 00 | 90", "vpcmpeqb -0x60(%rax),%ymm16,%k0", LOAD, 0, 32, AX,
	 NOREG, 1, -96, 0, 0, 0},
	{"^ 62 f3 75 22 1f 4c 06 ff 00 | 90", "vpcmpeqd -0x20(%rsi,%rax),%ymm17,%k1{%k2}", LOAD, 0,
	 32, SI, AX, 1, -32, 0, 0, 0},
	{"^ 62 e1 7c 48 11 44 8f 02 | 90", "vmovups %zmm16,0x80(%rdi,%rcx,4)", STORE, 0, 64, DI, CX,
	 4, 128, 0, 0, 0},
	{"^ c4 c2 7d 5a 1a | 90", "vbroadcasti128 (%r10),%ymm3", LOAD, 0, 16, CXMS_REG_R10, NOREG,
	 1, 0, 0, 0, 0},
	{"^ c5 fb 2d 03 | 90", "vcvtsd2si (%rbx),%eax", LOAD, 0, 8, BX, NOREG, 1, 0, 0, 0, 0},
	{"^ c4 e2 f9 f7 03 | 90", "shlx %rax,(%rbx),%rax", LOAD, 0, 8, BX, NOREG, 1, 0, 0, 0, 0},
	{"^ c4 e2 f9 f7 00 | 90", "shlx %rax,(%rax),%rax", LOAD, NOADDR, 8, AX, NOREG, 1, 0, 0, 0,
	 0},
	{"^ 66 0f 38 f9 07 | 90", "not known to capstone, with memory", CXMS_SITE_UNDECODED, 0, 0,
	 NOREG, NOREG, 1, 0, 0, 0, 0},
};

static void check_address(const struct form *f, const struct cxms_code_site *s, uint64_t next)
{
	uint64_t state = 88172645463325252u;

	for (int i = 0; i < 100; i++) {
		struct cxms_regs r = random_regs(&state);
		uint64_t want = (uint64_t)f->disp, got = 0;
		bool is_known =
			f->kind != NONE && f->kind != CXMS_SITE_UNDECODED && !(f->flags & NOADDR);

		want += f->is_rip ? next : 0;
		want += f->base >= 0 ? r.gpr[f->base] : 0;
		want += f->index >= 0 ? r.gpr[f->index] * f->scale : 0;
		want = f->is_addr32 ? want & 0xffffffff : want;
		want += f->segment == 4 ? r.fs_base : f->segment == 5 ? r.gs_base : 0;
		assert_int_equal(cxms_code_address(s, &r, false, &got), is_known);
		if (is_known)
			assert_int_equal(got, want);
		r.fs_known = r.gs_known = false;
		assert_int_equal(cxms_code_address(s, &r, false, &got), is_known && !f->segment);
	}
}

static void test_operand_of_each_form(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		const struct form *f = &forms[i];
		struct cxms_code *c = code_new();
		struct image m;
		struct marks at = assemble(&m, f->hex);
		const struct cxms_code_site *s = cxms_code_site_at(c, at.ip, image_read, &m);

		if (s->kind != f->kind || s->flags != f->flags || s->ip != at.waited ||
		    s->base != f->base || s->index != f->index)
			print_error("row %zu: %s: kind %d flags %#x ip +%ld base %d index %d\n", i,
				    f->why, s->kind, s->flags, (long)(s->ip - at.waited), s->base,
				    s->index);
		assert_int_equal(s->kind, f->kind);
		assert_int_equal(s->flags, f->flags);
		assert_int_equal(s->ip, at.waited);
		assert_int_equal(s->access_bytes, f->bytes);
		assert_int_equal(s->base, f->base);
		assert_int_equal(s->index, f->index);
		assert_int_equal(s->segment, f->segment);
		assert_int_equal(s->rip_relative, f->is_rip);
		assert_int_equal(s->loop_insns, 0);
		check_address(f, s, at.ip);
		cxms_code_free(c);
	}
}

static const struct string_form {
	const char *hex, *why;
	bool has_src, has_dst;
	unsigned bytes;
	int64_t disp;
} string_forms[] = {
	{"90 ^ | f3 48 a5 90", "rep movsq, interrupted at itself", true, true, 8, 0},
	{"90 ^ | f3 aa 90", "rep stosb, interrupted", false, true, 1, 0},
	{"90 ^ | f3 a6 90", "repe cmpsb, interrupted", true, true, 1, 0},
	{"90 ^ | f2 ae 90", "repne scasb, interrupted", false, true, 1, 0},
	{"48 8b 07 ^ | f3 a4 90", "a load before it does not matter", true, true, 1, 0},
	{"^ f3 48 a5 | 90", "rep movsq, finished: both have advanced", true, true, 8, -8},
	{"^ f3 ab | 90", "rep stosl, finished", false, true, 4, -4},
	{"^ a4 | 90", "movsb", true, true, 1, -1},
	{"^ 66 a7 | 90", "cmpsw", true, true, 2, -2},
};

static void test_string_instructions_have_two_sides(void **state)
{
	uint64_t seed = 4711;

	(void)state;
	for (size_t i = 0; i < sizeof(string_forms) / sizeof(string_forms[0]); i++) {
		const struct string_form *f = &string_forms[i];
		struct cxms_code *c = code_new();
		struct cxms_regs r = random_regs(&seed);
		struct image m;
		struct marks at = assemble(&m, f->hex);
		const struct cxms_code_site *s = cxms_code_site_at(c, at.ip, image_read, &m);
		uint64_t src = r.gpr[SI] + (uint64_t)f->disp, dst = r.gpr[DI] + (uint64_t)f->disp;
		uint64_t got;

		assert_int_equal(s->kind, STRING);
		assert_int_equal(s->ip, at.waited);
		assert_int_equal(s->access_bytes, f->bytes);
		assert_int_equal(s->string_src, f->has_src);
		assert_int_equal(s->string_dst, f->has_dst);
		assert_true(cxms_code_address(s, &r, true, &got));
		assert_int_equal(got, f->has_dst ? dst : src);
		assert_true(cxms_code_address(s, &r, false, &got));
		assert_int_equal(got, f->has_src ? src : dst);
		cxms_code_free(c);
	}
}

/* Addresses whose registers the load overwrote, by what the sample still shows. */
static uint64_t bit_table(const uint64_t *r)
{
	return r[DX] + ((r[CX] & 0x3fffffff) >> 6) * 8;
}
static uint64_t hash_table(const uint64_t *r)
{
	return r[DX] + (((r[CX] >> 33 ^ r[CX]) * r[CXMS_REG_R8]) & 0xffff) * 8;
}
static uint64_t sum_of_two(const uint64_t *r)
{
	return r[DI] + 4 * r[SI] + 8 + 16;
}
static uint64_t low_byte(const uint64_t *r)
{
	return r[DX] + (r[CX] & 0xff) * 8;
}
static uint64_t signed_index(const uint64_t *r)
{
	return r[DI] + (uint64_t)(int64_t)(int32_t)r[CX] * 4;
}
static uint64_t before_constant(const uint64_t *r)
{
	return r[CX] - 24;
}
static uint64_t before_register(const uint64_t *r)
{
	return r[CX] - r[SI];
}
static uint64_t before_difference(const uint64_t *r)
{
	return r[CX] + r[SI];
}
static uint64_t in_dx(const uint64_t *r)
{
	return r[DX] + 8;
}
static uint64_t rotated(const uint64_t *r)
{
	return r[DX] + (uint32_t)((uint32_t)r[CX] >> 25 | (uint32_t)r[CX] << 7);
}
static uint64_t shifted_right(const uint64_t *r)
{
	return r[DX] + (uint64_t)((int64_t)r[CX] >> 5);
}
static uint64_t negative(const uint64_t *r)
{
	return r[DX] + ~(0 - (uint64_t)(uint32_t)((uint32_t)r[CX] << (r[CX] & 31)));
}
static uint64_t product(const uint64_t *r)
{
	return r[DI] + r[CX] * 24 + 8;
}

static const struct chain_form {
	const char *hex, *why;
	uint64_t (*want)(const uint64_t *gpr); /* NULL: not known */
} chain_forms[] = {
	{"48 89 c8 25 ff ff ff 3f 48 c1 e8 06 ^ 48 8b 04 c2 | 90",
	 "mov %rcx,%rax; and; shr $6,%rax; mov (%rdx,%rax,8),%rax", bit_table},
	{"48 89 c8 48 c1 e8 21 48 31 c8 49 0f af c0 0f b7 c0 ^ 48 8b 04 c2 | 90",
	 "mov; shr $33; xor %rcx; imul %r8; movzwl: two uses of one register", hash_table},
	{"48 8d 44 b7 08 ^ 48 8b 40 10 | 90", "lea 8(%rdi,%rsi,4),%rax; mov 16(%rax),%rax",
	 sum_of_two},
	{"48 8d 44 b7 08 ^ 8b 40 10 | 90", "the same into half of the base", sum_of_two},
	{"0f b6 c1 ^ 48 8b 04 c2 | 90", "movzbl %cl,%eax", low_byte},
	{"48 63 c1 ^ 48 8b 04 87 | 90", "movslq %ecx,%rax", signed_index},
	{"48 89 c8 48 83 c1 10 48 ff c1 48 83 e9 f9 ^ 8b 00 | 90",
	 "copied before add $16, inc and sub $-7: all are undone", before_constant},
	{"48 89 c8 48 01 f1 ^ 8b 00 | 90", "copied before add %rsi,%rcx", before_register},
	{"48 89 c8 48 29 f1 ^ 8b 00 | 90", "copied before sub %rsi,%rcx", before_difference},
	{"48 89 c2 ^ 48 8b 40 08 | 90",
	 "mov %rax,%rdx; mov 8(%rax),%rax: a chase that keeps its "
	 "last place",
	 in_dx},
	{"89 c8 c1 c8 19 ^ 48 8b 04 10 | 90", "ror $25,%eax", rotated},
	{"48 89 c8 48 c1 f8 05 ^ 48 8b 04 02 | 90", "sar $5,%rax", shifted_right},
	{"89 c8 d3 e0 48 f7 d8 48 f7 d0 ^ 48 8b 04 02 | 90", "shl %cl,%eax; neg; not", negative},
	{"48 6b c1 18 ^ 48 8b 44 07 08 | 90", "imul $24,%rcx,%rax", product},
	{"48 85 c9 74 40 48 63 c1 ^ 48 8b 04 87 | 90", "a branch on the way that was not taken",
	 signed_index},
	{"48 89 c8 74 03 48 31 f0 48 c1 e8 06 ^ 48 8b 04 c2 | 90",
	 "where paths meet only one is known", NULL},
	{"48 63 c1 e8 00 10 00 00 ^ 48 8b 04 87 | 90", "a call on the way", NULL},
	{"48 89 c8 48 8b 0e ^ 8b 00 | 90", "its source was loaded anew", NULL},
	{"48 89 c8 ff c1 ^ 8b 00 | 90", "its source lost its upper half", NULL},
	{"48 89 c8 48 01 c9 ^ 8b 00 | 90", "its source was doubled: the top bit is lost", NULL},
	{"48 89 c8 48 01 f1 48 8b 36 ^ 8b 00 | 90", "what was added to its source is lost", NULL},
	{"48 8b 06 ^ 48 8b 00 | 90", "loaded itself", NULL},
	{"48 0f 44 c1 ^ 8b 00 | 90", "cmove: one of two", NULL},
	{"66 89 c8 ^ 8b 00 | 90", "half of it is older", NULL},
	{"48 8d 05 00 10 00 00 ^ 8b 00 | 90", "lea of the code's own place", NULL},
};

static void test_overwritten_addresses_are_computed_anew(void **state)
{
	uint64_t seed = 88172645463325252u;

	(void)state;
	for (size_t i = 0; i < sizeof(chain_forms) / sizeof(chain_forms[0]); i++) {
		const struct chain_form *f = &chain_forms[i];
		struct cxms_code *c = code_new();
		struct image m;
		struct marks at = assemble(&m, f->hex);
		const struct cxms_code_site *s = cxms_code_site_at(c, at.ip, image_read, &m);
		bool has_address = !(s->flags & (CXMS_SITE_NOADDR | CXMS_SITE_SELF));

		if (has_address != (f->want != NULL))
			print_error("row %zu: %s: flags %#x\n", i, f->why, s->flags);
		assert_int_equal(s->ip, at.waited);
		assert_int_equal(has_address, f->want != NULL);
		for (int n = 0; n < 100 && f->want; n++) {
			struct cxms_regs r = random_regs(&seed);
			uint64_t got;

			assert_true(cxms_code_address(s, &r, false, &got));
			if (got != f->want(r.gpr))
				print_error("row %zu: %s\n", i, f->why);
			assert_int_equal(got, f->want(r.gpr));
		}
		cxms_code_free(c);
	}
}

/* 1: lea (%rdi,%rsi,8),%rax; mov (%rax),%rax; inc %rsi; jmp 1b: no walk from place to place */
static void test_a_computed_base_is_no_walk(void **state)
{
	struct cxms_code *c = code_new();
	struct image m;
	struct marks at = assemble(&m, "48 8d 04 f7 ^ 48 8b 00 | 48 ff c6 eb f4");

	(void)state;
	assert_int_equal(cxms_code_site_at(c, at.ip, image_read, &m)->flags, CXMS_SITE_AFFINE);
	cxms_code_free(c);
	/* 1: mov %rax,%rdx; mov (%rax),%rax; jmp 1b: a walk, and the place it waited for */
	at = assemble(&m, "48 89 c2 ^ 48 8b 00 | eb f8");
	c = code_new();
	assert_int_equal(cxms_code_site_at(c, at.ip, image_read, &m)->flags, CXMS_SITE_CARRIED);
	cxms_code_free(c);
}

static const struct flow_form {
	const char *hex, *why;
	int kind;
	unsigned flags, loop_insns;
} flow_forms[] = {
	/* 1: mov (%rdi),%rax; 2: add $8,%rdi; cmp %rsi,%rdi; jne 1b */
	{"| 48 8b 07 48 83 c7 08 48 39 f7 ^ 75 f4 c3",
	 "loop head: the branch back waits for nothing", NONE, 0, 4},
	{"^ 48 8b 07 | 48 83 c7 08 48 39 f7 75 f4 c3", "inside the loop: the load", LOAD, 0, 4},
	{"48 8b 1e | 48 8b 07 48 83 c7 08 48 39 f7 ^ 75 f4 c3",
	 "a load falls into the head: the back edge is taken more often", NONE, 0, 4},
	/* 1: add $8,%rdi; cmp (%rdi),%rax; jne 1b */
	{"| 48 83 c7 08 ^ 48 3b 07 75 f7 c3", "back edge fused with a compare with memory", LOAD,
	 FUSED, 3},
	/* cmp (%rdi),%rax; je 1f; mov (%rsi),%rbx; 1: */
	{"48 3b 07 74 03 ^ 48 8b 1e | 48 01 c3 c3", "forward target after a load: the load", LOAD,
	 0, 0},
	{"^ 48 3b 07 74 03 48 01 c3 | 48 01 c3 c3",
	 "forward target after compute: the fused compare that jumps there", LOAD, FUSED, 0},
	{"^ 48 3b 07 74 01 c3 | 48 01 c3 c3", "after a ret: the known branch", LOAD, FUSED, 0},
	{"^ 74 01 c3 | 48 01 c3 c3", "after a ret: a plain branch", NONE, 0, 0},
	/* mov (%rdi),%rax; cmp %rax,%rbx; jbe 1f; mov %rbx,(%rdi); 1: */
	{"48 8b 07 48 39 c3 76 03 ^ 48 89 1f | 48 01 c3 c3",
	 "where a branch passes over a store of what was loaded: its line is there", NONE, 0, 0},
	{"48 8b 06 48 39 c3 76 03 ^ 48 89 1f | 48 01 c3 c3", "of another place: the store", STORE,
	 0, 0},
	{"48 8b 07 48 ff c7 48 39 c3 76 03 ^ 48 89 1f | 48 01 c3 c3",
	 "the address has moved since: the store", STORE, 0, 0},
	{"48 8b 07 48 39 c3 ^ 48 89 1f | 48 01 c3 c3", "nothing passes over it: the store", STORE,
	 0, 0},
	/* je 2f; mov (%rdi),%rax; 1: add; ret; 2: xor; jmp 1b */
	{"74 07 ^ 48 8b 07 | 48 01 c3 c3 48 31 c9 eb f7",
	 "an out-of-line block that rejoins is no loop", LOAD, 0, 0},
	/* f: mov (%rdi),%rax; add; ret; g: nop; jmp f */
	{"^ 48 8b 07 | 48 01 c3 c3 90 eb f6", "a tail call to an earlier function is no loop", LOAD,
	 0, 0},
	/* 1: mov (%rdi),%rdi; test; jne 2f; ret; 2: cmp; jmp 1b */
	{"^ 48 8b 3f | 48 85 ff 75 01 c3 48 39 fe eb f2",
	 "a loop around a return: live part counted", LOAD, SELF, 6},
	/* 1: mov (%rbx),%rcx; mov 2: (%rdi),%rax; jne 2b; jne 1b */
	{"48 8b 0b ^ 48 8b 07 | 75 fb 75 f6", "the innermost of two loops", LOAD, 0, 2},
	{"^ 48 8b 0b | 90 48 8b 07 75 fb 75 f5", "the outer loop around it", LOAD, CXMS_SITE_LONG,
	 5},
	{"eb 03 ^ e8 00 00 00 00 | 90", "a call to the next: an entry, not a return", NONE, 0, 0},
	/* 1: mov 8(%rdi),%rax; mov %rax,%rdi; test %rdi,%rdi; jne 1b */
	{"^ 48 8b 47 08 | 48 89 c7 48 85 ff 75 f4 c3", "base comes back through a move", LOAD,
	 CXMS_SITE_CARRIED, 4},
	/* 1: mov (%rdi,%rax,4),%eax; lea 1(%rax),%eax; and $0xff,%eax; jmp 1b */
	{"^ 8b 04 87 | 8d 40 01 25 ff 00 00 00 eb f3", "index comes back through lea and and", LOAD,
	 CXMS_SITE_CARRIED | NOADDR, 4},
	/* 1: mov (%rdi),%rax; mov (%rax),%rdi; jmp 1b */
	{"^ 48 8b 07 | 48 8b 38 eb f8", "through another load", LOAD, CXMS_SITE_CARRIED, 3},
	/* 1: mov (%rdi),%rax; add %rax,%rbx; add $8,%rdi; jmp 1b */
	{"^ 48 8b 07 | 48 01 c3 48 83 c7 08 eb f4", "an array walk is not carried", LOAD, 0, 4},
	/* 1: mov (%rdi),%rax; mov %rax,%rdi; mov %rsi,%rdi; jmp 1b */
	{"^ 48 8b 07 | 48 89 c7 48 89 f7 eb f5", "overwritten on the way back", LOAD, 0, 4},
	/* 1: mov (%rdi),%rax; xor %eax,%eax; mov %rax,%rdi; jmp 1b */
	{"^ 48 8b 07 | 31 c0 48 89 c7 eb f6", "a zeroed register carries nothing", LOAD, 0, 4},
	/* 1: pop %rax; jmp 1b */
	{"^ 58 | eb fd", "pops in a loop do not depend on each other", LOAD, STACK, 2},
};

static void test_predecessors_and_loops(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(flow_forms) / sizeof(flow_forms[0]); i++) {
		const struct flow_form *f = &flow_forms[i];
		struct cxms_code *c = code_new();
		struct image m;
		struct marks at = assemble(&m, f->hex);
		const struct cxms_code_site *s = cxms_code_site_at(c, at.ip, image_read, &m);
		unsigned flags = s->flags & ~(unsigned)CXMS_SITE_AFFINE; /* test_code_loop.c */

		if (s->kind != f->kind || flags != f->flags || s->loop_insns != f->loop_insns ||
		    s->ip != at.waited)
			print_error("row %zu: %s: kind %d flags %#x loop %u ip %+ld\n", i, f->why,
				    s->kind, flags, s->loop_insns, (long)(s->ip - at.waited));
		assert_int_equal(s->kind, f->kind);
		assert_int_equal(flags, f->flags);
		assert_int_equal(s->loop_insns, f->loop_insns);
		assert_int_equal(s->ip, at.waited);
		cxms_code_free(c);
	}
}

static void test_unreadable_code_is_undecoded_not_compute(void **state)
{
	struct cxms_code *c = code_new();
	struct image m;
	const struct cxms_code_site *s;

	(void)state;
	assemble(&m, "48 8b 07");
	s = cxms_code_site_at(c, BASE - 4096, image_read, &m);
	assert_int_equal(s->kind, CXMS_SITE_UNDECODED);
	s = cxms_code_site_at(c, 0, image_read, &m);
	assert_int_equal(s->kind, CXMS_SITE_UNDECODED);
	s = cxms_code_site_at(c, UINT64_MAX, image_read, &m);
	assert_int_equal(s->kind, CXMS_SITE_UNDECODED);
	s = cxms_code_site_at(c, BASE, image_read, &m);
	assert_int_equal(s->kind, CXMS_SITE_UNDECODED);
	cxms_code_free(c);
}

/* Where the hardware names the instruction, no step back is taken; both kinds of site live side by
 * side. */
static void test_an_instruction_itself_can_be_asked_for(void **state)
{
	static const struct {
		const char *hex;
		uint8_t kind;
	} rows[] = {
		{"^ 48 8b 07 | 48 89 0e", STORE}, /* load, then the store that is asked for */
		{"^ 48 89 0e | 48 8b 07", LOAD},
		{"^ 48 8b 07 | 90", NONE},
		{"^ 90 | c3", LOAD}, /* a return reads the stack */
		{"^ 90 | f3 a4", CXMS_SITE_STRING},
		{"^ 48 8b 07 | 06", CXMS_SITE_UNDECODED}, /* no instruction of 64-bit mode */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct cxms_code *c = code_new();
		struct image m;
		struct marks at = assemble(&m, rows[i].hex);
		const struct cxms_code_site *before = cxms_code_site_at(c, at.ip, image_read, &m);
		const struct cxms_code_site *own = cxms_code_site_of(c, at.ip, image_read, &m);

		assert_ptr_not_equal(before, own);
		assert_int_equal(own->ip, at.ip);
		assert_int_equal(own->kind, rows[i].kind);
		assert_ptr_equal(own, cxms_code_site_of(c, at.ip, image_read, &m));
		cxms_code_free(c);
	}
}

static void test_sites_are_kept_until_reset(void **state)
{
	struct cxms_code *c = code_new();
	struct image m;
	struct marks at = assemble(&m, "^ 48 8b 07 | 90");
	const struct cxms_code_site *s = cxms_code_site_at(c, at.ip, image_read, &m);
	unsigned reads = m.reads;

	(void)state;
	assert_int_equal(s->kind, LOAD);
	for (uint64_t ip = BASE; ip < BASE + m.n; ip++)
		cxms_code_site_at(c, ip, image_read, &m);
	assert_ptr_equal(s, cxms_code_site_at(c, at.ip, image_read, &m));
	assert_int_equal(m.reads, reads);
	at = assemble(&m, "^ 48 89 07 | 90");
	assert_int_equal(cxms_code_site_at(c, at.ip, image_read, &m)->kind, LOAD);
	cxms_code_reset(c);
	assert_int_equal(cxms_code_site_at(c, at.ip, image_read, &m)->kind, STORE);
	cxms_code_free(c);
	cxms_code_free(NULL);
}

/* Predecessor, its operand and a branch across the border of two chunks of 1 KiB. */
static void test_chunk_borders_do_not_show(void **state)
{
	(void)state;
	for (size_t shift = 0; shift < 16; shift++) {
		struct cxms_code *c = code_new();
		struct image m = {.n = 4096};
		size_t at = 1024 - shift;
		const struct cxms_code_site *s;

		memset(m.bytes, 0x90, m.n);
		/* 1: mov 8(%rdi),%rax; mov %rax,%rdi; test %rdi,%rdi; jne 1b */
		memcpy(m.bytes + at, "\x48\x8b\x47\x08\x48\x89\xc7\x48\x85\xff\x75\xf4", 12);
		s = cxms_code_site_at(c, BASE + at + 4, image_read, &m);
		assert_int_equal(s->ip, BASE + at);
		assert_int_equal(s->flags, CXMS_SITE_CARRIED);
		assert_int_equal(s->loop_insns, 4);
		s = cxms_code_site_at(c, BASE + at, image_read, &m);
		assert_int_equal(s->ip, BASE + at + 10);
		cxms_code_free(c);
	}
}

/* Any bytes: no crash, and what is returned is sane. */
static void test_random_bytes_are_survived(void **state)
{
	uint64_t seed = 20240229;
	struct image m = {.n = sizeof(m.bytes)};
	struct cxms_code *c = code_new();

	(void)state;
	for (size_t i = 0; i < m.n; i++)
		m.bytes[i] = (uint8_t)next_random(&seed);
	for (uint64_t ip = BASE; ip < BASE + m.n; ip += 3) {
		const struct cxms_code_site *s = cxms_code_site_at(c, ip, image_read, &m);

		assert_non_null(s);
		assert_true(s->kind <= CXMS_SITE_UNDECODED);
		assert_true(s->base < CXMS_REG_GPR_END && s->index < CXMS_REG_GPR_END);
	}
	cxms_code_free(c);
}

/* libc's code as it is in this process. */
static int64_t self_read(void *arg, uint64_t addr, void *buf, size_t len)
{
	const ElfW(Phdr) *text = arg;
	uint64_t lo = text->p_vaddr, hi = lo + text->p_memsz; /* p_vaddr made absolute */

	if (addr < lo || addr >= hi)
		return -EFAULT;
	if (len > hi - addr)
		len = (size_t)(hi - addr);
	memcpy(buf, (const void *)(uintptr_t)addr, len);
	return (int64_t)len;
}

static int find_text(struct dl_phdr_info *info, size_t size, void *arg)
{
	ElfW(Phdr) *text = arg;
	uint64_t wanted = text->p_vaddr;

	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		uint64_t lo = info->dlpi_addr + p->p_vaddr;

		if (p->p_type != PT_LOAD || wanted < lo || wanted >= lo + p->p_memsz)
			continue;
		*text = *p;
		text->p_vaddr = lo;
		return 1;
	}
	return 0;
}

/* True predecessors by decoding linearly with capstone from a function's start. */
struct tally {
	unsigned insns, wrong, lengths_wrong;
};

static void check_function(csh cs, void *libc, const char *name, struct tally *t)
{
	void *sym = dlsym(libc, name);
	ElfW(Sym) *elf = NULL;
	ElfW(Phdr) text = {.p_vaddr = (uint64_t)(uintptr_t)sym};
	struct cxms_code *c = code_new();
	cs_insn *in = cs_malloc(cs);
	const uint8_t *p = sym;
	uint64_t at = (uint64_t)(uintptr_t)sym, last = 0;
	Dl_info info;
	size_t n;

	assert_non_null(sym);
	assert_true(dladdr1(sym, &info, (void **)&elf, RTLD_DL_SYMENT) && elf);
	assert_int_equal(dl_iterate_phdr(find_text, &text), 1);
	n = elf->st_size;
	while (n && cs_disasm_iter(cs, &p, &n, &at, in)) {
		struct cxms_insn mine;
		const struct cxms_code_site *s =
			cxms_code_site_at(c, in->address, self_read, &text);
		bool is_fused = s->flags & CXMS_SITE_FUSED;

		t->lengths_wrong += cxms_insn_decode(in->bytes, 16, &mine) != in->size;
		/* Rep waits at itself, fused one earlier, targets at a branch: only plain ones
		 * count. */
		if (last && !mine.rep_string && !is_fused && (s->ip + 15 >= in->address) &&
		    s->ip < in->address) {
			t->insns++;
			t->wrong += s->ip != last;
		}
		last = in->address;
	}
	cs_free(in, 1);
	cxms_code_free(c);
}

static void test_libc_predecessors_found_by_voting(void **state)
{
	static const char *const names[] = {"qsort_r", "vfprintf", "vfscanf", "malloc",
					    "free",    "realloc",  "strtod",  "glob",
					    "regexec", "mktime",   "fopen",   "getaddrinfo"};
	void *libc = dlopen("libc.so.6", RTLD_NOW | RTLD_NOLOAD); /* past interposed functions */
	struct tally t = {0};
	csh cs;

	(void)state;
	assert_non_null(libc);
	assert_int_equal(cs_open(CS_ARCH_X86, CS_MODE_64, &cs), CS_ERR_OK);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		check_function(cs, libc, names[i], &t);
	cs_close(&cs);
	dlclose(libc);
	print_message("%u instructions, %u predecessors wrong\n", t.insns, t.wrong);
	assert_true(t.insns > 3000);
	assert_int_equal(t.lengths_wrong, 0);
	assert_true(t.wrong * 100 <= t.insns); /* at least 99 % */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_operand_of_each_form),
		cmocka_unit_test(test_string_instructions_have_two_sides),
		cmocka_unit_test(test_overwritten_addresses_are_computed_anew),
		cmocka_unit_test(test_a_computed_base_is_no_walk),
		cmocka_unit_test(test_predecessors_and_loops),
		cmocka_unit_test(test_unreadable_code_is_undecoded_not_compute),
		cmocka_unit_test(test_an_instruction_itself_can_be_asked_for),
		cmocka_unit_test(test_sites_are_kept_until_reset),
		cmocka_unit_test(test_chunk_borders_do_not_show),
		cmocka_unit_test(test_random_bytes_are_survived),
		cmocka_unit_test(test_libc_predecessors_found_by_voting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
