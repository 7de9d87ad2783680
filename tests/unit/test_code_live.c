/* Predecessor and address at every stop of a single-stepped program, against what really ran just
 * before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <capstone/capstone.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "source/code.h"

#define STEPS_MAX 200000
#define ITEMS	  256

struct node {
	struct node *next;
	uint64_t key, value;
};

static struct node nodes[ITEMS];
static uint64_t numbers[ITEMS], table[ITEMS], copy[ITEMS];

static uint64_t array_sum(const uint64_t *a, size_t n)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += a[i];
	return sum;
}

static uint64_t list_find(const struct node *p, uint64_t key)
{
	while (p && p->key != key)
		p = p->next;
	return p ? p->value : 0;
}

static void hash_count(const uint64_t *a, size_t n)
{
	for (size_t i = 0; i < n; i++)
		table[(a[i] * UINT64_C(0x9e3779b97f4a7c15)) >> 56]++;
}

/* The index is overwritten by what it leads to, as in hash tables. */
static uint64_t probe(const uint64_t *a, size_t n)
{
	uint64_t sum = 0;

	for (uint64_t key = 0; key < n; key++) {
		uint64_t at;

		__asm__ volatile("mov %[key], %[at]\n\t"
				 "shr $3, %[at]\n\t"
				 "xor %[key], %[at]\n\t"
				 "and %[mask], %[at]\n\t"
				 "mov (%[a],%[at],8), %[at]"
				 : [at] "=&r"(at)
				 : [key] "r"(key), [a] "r"(a), [mask] "i"(ITEMS - 1)
				 : "cc", "memory");
		sum += at;
	}
	return sum;
}

static size_t lower_bound(const uint64_t *a, size_t n, uint64_t key)
{
	size_t lo = 0;

	while (lo < n) {
		size_t mid = (lo + n) / 2;

		if (a[mid] < key)
			lo = mid + 1;
		else
			n = mid;
	}
	return lo;
}

static void copy_rep(uint64_t *to, const uint64_t *from, size_t n)
{
	__asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void child_main(void)
{
	volatile uint64_t sink;

	for (size_t i = 0; i < ITEMS; i++) {
		numbers[i] = i * 7919 % 4099;
		nodes[i] = (struct node){&nodes[(i + 37) % ITEMS], i, i * 3};
	}
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL))
		_exit(77);
	raise(SIGSTOP);
	sink = array_sum(numbers, ITEMS);
	sink = list_find(nodes, 200);
	hash_count(numbers, ITEMS);
	sink = probe(numbers, ITEMS);
	copy_rep(copy, numbers, 64);
	qsort(copy, 64, sizeof(copy[0]), by_value);
	for (uint64_t key = 0; key < 4000; key += 100)
		sink = lower_bound(copy, 64, key);
	memcpy(table, copy, sizeof(table));
	sink = strlen((const char *)memset(copy, 'x', sizeof(copy) - 1));
	(void)sink;
	raise(SIGSTOP);
	_exit(0);
}

static int64_t child_read(void *arg, uint64_t addr, void *buf, size_t len)
{
	struct iovec here = {buf, len}, there = {(void *)(uintptr_t)addr, len};
	ssize_t got = process_vm_readv(*(pid_t *)arg, &here, 1, &there, 1, 0);

	return got < 0 ? -errno : got;
}

static struct cxms_regs regs_of(const struct user_regs_struct *u)
{
	return (struct cxms_regs){
		.gpr = {u->rax, u->rbx, u->rcx, u->rdx, u->rsi, u->rdi, u->rbp, u->rsp, u->r8,
			u->r9, u->r10, u->r11, u->r12, u->r13, u->r14, u->r15},
		.ip = u->rip,
		.fs_base = u->fs_base,
		.gs_base = u->gs_base,
		.fs_known = true,
		.gs_known = true,
	};
}

static uint64_t value_of(const struct user_regs_struct *u, x86_reg reg)
{
	switch (reg) {
	case X86_REG_RAX:
		return u->rax;
	case X86_REG_RBX:
		return u->rbx;
	case X86_REG_RCX:
		return u->rcx;
	case X86_REG_RDX:
		return u->rdx;
	case X86_REG_RSI:
		return u->rsi;
	case X86_REG_RDI:
		return u->rdi;
	case X86_REG_RBP:
		return u->rbp;
	case X86_REG_RSP:
		return u->rsp;
	case X86_REG_R8:
		return u->r8;
	case X86_REG_R9:
		return u->r9;
	case X86_REG_R10:
		return u->r10;
	case X86_REG_R11:
		return u->r11;
	case X86_REG_R12:
		return u->r12;
	case X86_REG_R13:
		return u->r13;
	case X86_REG_R14:
		return u->r14;
	case X86_REG_R15:
		return u->r15;
	default:
		return 0;
	}
}

struct live {
	pid_t pid;
	struct cxms_code *code;
	csh cs;
	cs_insn *insn;
	uint64_t before; /* the instruction executed before the one at the last stop */
	unsigned steps, right, addresses, addresses_right, computed, carried;
};

/* The address the instruction at @u is about to use: explicit operand, push, pop, ret; false = none
 * known. */
static bool address_before(struct live *l, const struct user_regs_struct *u, uint64_t *out)
{
	uint8_t bytes[16];
	const uint8_t *p = bytes;
	int64_t got = child_read(&l->pid, u->rip, bytes, sizeof(bytes));
	size_t n = got > 0 ? (size_t)got : 0;
	uint64_t at = u->rip;
	const cs_x86 *x = &l->insn->detail->x86;

	if (!cs_disasm_iter(l->cs, &p, &n, &at, l->insn) || (bytes[0] & 0xfb) == 0x62)
		return false; /* 62: capstone loses the index of some EVEX instructions */
	for (unsigned i = 0; i < x->op_count; i++) {
		const x86_op_mem *m = &x->operands[i].mem;

		if (x->operands[i].type != X86_OP_MEM)
			continue;
		*out = (m->base == X86_REG_RIP ? at : value_of(u, m->base)) + (uint64_t)m->disp +
		       value_of(u, m->index) * (uint64_t)m->scale;
		*out += m->segment == X86_REG_FS ? u->fs_base : 0;
		return true;
	}
	*out = l->insn->id == X86_INS_PUSH ? u->rsp - 8 : u->rsp;
	return l->insn->id == X86_INS_PUSH || l->insn->id == X86_INS_POP ||
	       l->insn->id == X86_INS_RET;
}

/* Waits for nothing that the instruction after it could know of. */
static bool is_compute(const cs_insn *in, bool has_address)
{
	return !has_address || in->id == X86_INS_LEA || in->id == X86_INS_NOP ||
	       in->id == X86_INS_CALL || in->id == X86_INS_JMP || in->id == X86_INS_RET;
}

/* @was: registers before the instruction executed last; @is: at the stop after it. */
static void check_stop(struct live *l, const struct user_regs_struct *was,
		       const struct user_regs_struct *is)
{
	const struct cxms_code_site *s = cxms_code_site_at(l->code, is->rip, child_read, &l->pid);
	struct cxms_regs r = regs_of(is);
	uint64_t want, got;
	bool has_want = address_before(l, was, &want);
	bool is_fused = (s->flags & CXMS_SITE_FUSED) && s->ip == l->before;
	bool is_return = l->insn->id == X86_INS_RET && s->kind == CXMS_SITE_LOAD &&
			 (s->flags & CXMS_SITE_STACK);
	/* Where paths meet one predecessor stands for all: it must agree in waiting for nothing. */
	bool is_none = s->kind == CXMS_SITE_NONE && is_compute(l->insn, has_want);

	if (was->rip == is->rip)
		return; /* one round of a rep instruction */
	l->steps++;
	l->right += s->ip == was->rip || is_fused || is_return || is_none;
	l->carried += (s->flags & CXMS_SITE_CARRIED) != 0;
	if ((s->ip == was->rip || is_return) && has_want && !(s->flags & CXMS_SITE_SELF) &&
	    cxms_code_address(s, &r, true, &got)) {
		l->addresses++;
		l->addresses_right += got == want;
		l->computed += s->chain.is_known;
	}
}

/* Step until the child stops itself again. */
static void step_through(struct live *l)
{
	struct user_regs_struct was, is;
	int status;

	assert_int_equal(ptrace(PTRACE_GETREGS, l->pid, NULL, &was), 0);
	for (unsigned i = 0; i < STEPS_MAX; i++) {
		assert_int_equal(ptrace(PTRACE_SINGLESTEP, l->pid, NULL, NULL), 0);
		assert_int_equal(waitpid(l->pid, &status, 0), l->pid);
		if (!WIFSTOPPED(status) || WSTOPSIG(status) != SIGTRAP)
			return;
		assert_int_equal(ptrace(PTRACE_GETREGS, l->pid, NULL, &is), 0);
		check_stop(l, &was, &is);
		if (was.rip != is.rip)
			l->before = was.rip;
		was = is;
	}
}

static void test_each_step_names_what_ran_before(void **state)
{
	struct live l = {0};
	int status;

	(void)state;
	assert_int_equal(cxms_code_new(&l.code, NULL), 0);
	assert_int_equal(cs_open(CS_ARCH_X86, CS_MODE_64, &l.cs), CS_ERR_OK);
	assert_int_equal(cs_option(l.cs, CS_OPT_DETAIL, CS_OPT_ON), CS_ERR_OK);
	l.insn = cs_malloc(l.cs);
	l.pid = fork();
	assert_true(l.pid >= 0);
	if (!l.pid)
		child_main();
	assert_int_equal(waitpid(l.pid, &status, 0), l.pid);
	if (WIFSTOPPED(status)) {
		step_through(&l);
		kill(l.pid, SIGKILL);
		waitpid(l.pid, &status, 0);
	}
	cs_free(l.insn, 1);
	cs_close(&l.cs);
	cxms_code_free(l.code);
	if (!l.steps)
		skip(); /* ptrace(2) is not allowed here */
	print_message("%u steps: %u right; %u of %u addresses right, %u computed; %u carried\n",
		      l.steps, l.right, l.addresses_right, l.addresses, l.computed, l.carried);
	assert_true(l.steps > 5000);
	assert_true(l.right * 100 >= l.steps * 97);
	assert_true(l.addresses > l.steps / 8);
	assert_int_equal(l.addresses_right, l.addresses);
	assert_true(l.computed >= ITEMS);
	assert_true(l.carried > 50); /* list_find */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_step_names_what_ran_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
