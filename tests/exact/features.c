/*
 * features CASE: does one thing that the exact source's tool must understand, and prints what the
 * stream has to say of it, a line each: see features.sh.
 */
#include <cpuid.h>
#include <errno.h>
#include <immintrin.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "exact/cxlmemsim.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define PAGE	     4096u

/* Each case has pages of its own, so that its lines are new to the caches. */
static char area[64][PAGE] __attribute__((aligned(4096)));

static unsigned long line_of(const void *p)
{
	return (unsigned long)(uintptr_t)p / 64;
}

static void fill_prefetch_lines(const char *p)
{
	static const unsigned offset[] = {0, 64, 152, 0x1000 + 192, 0x2000};

	for (unsigned i = 0; i < COUNT(offset); i++)
		printf("mem line %lx\n", line_of(p + offset[i]));
}

/* Software prefetches with all sorts of addresses, one of them not mapped. */
static int prefetch(void)
{
	char *p = area[0];
	long three = 3;

	fill_prefetch_lines(p);
	printf("skip\n");
	fflush(stdout);
	__asm__ volatile("prefetcht0 (%0)\n\t"
			 "prefetchnta 64(%0)\n\t"
			 "prefetcht1 128(%0,%1,8)\n\t"
			 "prefetchw 0x10c0(%0)\n\t"
			 "mov %0, %%r13\n\t"
			 "add $0x2000, %%r13\n\t"
			 "prefetcht2 (%%r13)\n\t"
			 "mov $7, %%r13\n\t"
			 "prefetcht0 0(,%1,4)"
			 :
			 : "r"(p), "r"(three)
			 : "r13");
	return 0;
}

/* Non-temporal stores of all encodings. */
static int nt(void)
{
	char *p = area[4];
	long v = 5;

	for (unsigned i = 0; i < 4; i++)
		printf("nt line %lx\n", line_of(p + 64 * i));
	fflush(stdout);
	__asm__ volatile("movnti %1, (%0)\n\t"
			 "movq %1, %%xmm0\n\t"
			 "movntdq %%xmm0, 64(%0)\n\t"
			 "movntps %%xmm0, 128(%0)\n\t"
			 "movntpd %%xmm0, 192(%0)\n\t"
			 "sfence"
			 :
			 : "r"(p), "r"(v)
			 : "xmm0", "memory");
	return 0;
}

static void store_8(char *p)
{
	__asm__ volatile("movnti %1, (%0)" : : "r"(p), "r"(5L) : "memory");
}

static __attribute__((noinline)) void fence(void)
{
	__asm__ volatile("sfence" : : : "memory");
}

static void told(const char *p)
{
	printf("nt line %lx\n", line_of(p));
}

/* Non-temporal stores to one line are one write, until it is full, a fence comes, or too many are
 * open; one across two lines is two. */
static int combine(void)
{
	char *p = area[40], *q = area[41];

	for (unsigned line = 0; line < 4; line++) /* full: once each round */
		for (unsigned round = 0; round < 2; round++)
			told(p + 64 * line);
	for (unsigned round = 0; round < 2; round++) /* parted by a fence */
		told(p + 64 * 4);
	told(p + 64 * 5);
	told(p + 64 * 6);
	for (unsigned line = 0; line < 16; line++) /* the first makes room for the last */
		told(q + 64 * line);
	told(q);
	fflush(stdout);
	for (unsigned line = 0; line < 4; line++)
		for (unsigned at = 0; at < 2 * 64; at += 8)
			store_8(p + 64 * line + at % 64);
	store_8(p + 64 * 4);
	fence();
	store_8(p + 64 * 4 + 8);
	store_8(p + 64 * 5 + 60);
	fence();
	for (unsigned line = 0; line < 16; line++)
		store_8(q + 64 * line);
	store_8(q + 8);
	return 0;
}

/* A block whose loads make prefetchers bring more lines than its message has room for. */
static int crowd(void)
{
	int sum = 0;

	__asm__ volatile(".set offset, 0\n\t"
			 ".rept 56\n\t"
			 "add offset(%1), %0\n\t"
			 ".set offset, offset + 4096\n\t"
			 ".endr"
			 : "+r"(sum)
			 : "r"(area[0])
			 : "memory");
	return sum;
}

__attribute__((target("avx2"))) static int masked(void)
{
	const __m256i mask = _mm256_setr_epi32(-1, 0, -1, 0, -1, 0, -1, 0);
	const __m256i at = _mm256_setr_epi32(0, 16, 32, 48, 64, 80, 96, 112);
	const int *p = (const int *)(const void *)area[8];

	for (unsigned i = 0; i < 8; i += 2)
		printf("mem line %lx\n", line_of(p + 16 * i));
	for (unsigned i = 1; i < 8; i += 2)
		printf("skip\n");
	fflush(stdout);
	return _mm256_extract_epi32(_mm256_mask_i32gather_epi32(mask, p, at, mask, 4), 1) != 0;
}

/* Every other lane of a gather. */
static int gather(void)
{
	return __builtin_cpu_supports("avx2") ? masked() : 77;
}

static sigjmp_buf out_of_handler;

static void leave(int signal)
{
	(void)signal;
	siglongjmp(out_of_handler, 1);
}

/* A fault in the middle of a block: what lies before it has happened. */
static int fault(void)
{
	volatile char *p = area[12];

	printf("mem line %lx\nmem line %lx\nend 2\n", line_of(area[12]), line_of(area[12] + 64));
	fflush(stdout);
	signal(SIGSEGV, leave);
	if (!sigsetjmp(out_of_handler, 1))
		__asm__ volatile("movb $1, (%0)\n\t"
				 "movb $2, 64(%0)\n\t"
				 "movb $3, 8\n\t"
				 "movb $4, 128(%0)"
				 :
				 : "r"(p)
				 : "memory");
	return 0;
}

static unsigned counter;

static void *count(void *unused)
{
	for (unsigned i = 0; i < 1000; i++)
		__atomic_fetch_add(&counter, 1, __ATOMIC_SEQ_CST);
	return unused;
}

/* Threads: made, waited for, woken at their exit. */
static int threads(void)
{
	pthread_t t[3];

	for (unsigned i = 0; i < COUNT(t); i++) {
		pthread_create(&t[i], NULL, count, NULL);
		printf("clone %u\nexit %u\n", i + 2, i + 2);
	}
	fflush(stdout);
	for (unsigned i = 0; i < COUNT(t); i++)
		pthread_join(t[i], NULL);
	return counter != 3000;
}

static void *meet(void *barrier)
{
	pthread_barrier_wait(barrier);
	return NULL;
}

/* The last of three that come to a barrier. */
static int barrier(void)
{
	pthread_barrier_t b;
	pthread_t t[2];

	printf("wait\nmeet\nwake\nresume\n");
	fflush(stdout);
	pthread_barrier_init(&b, NULL, COUNT(t) + 1);
	for (unsigned i = 0; i < COUNT(t); i++)
		pthread_create(&t[i], NULL, meet, &b);
	meet(&b);
	for (unsigned i = 0; i < COUNT(t); i++)
		pthread_join(t[i], NULL);
	return 0;
}

#define TURNS 5

static struct {
	int to[2], back[2]; /* what is read of the one, and of the other */
	pthread_t first;
	sigset_t signals;
	bool by_signal;
} ends;

/* The ends of a pipe, or an eventfd that is both. */
static bool open_ends(int *fd, bool is_pipe)
{
	if (is_pipe)
		return pipe(fd) == 0;
	fd[0] = fd[1] = eventfd(0, 0);
	return fd[0] >= 0;
}

/* Sleeps until the other has done its part, and passes the turn. */
static void await(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	uint64_t one;
	int signal;

	if (ends.by_signal ? sigwait(&ends.signals, &signal) != 0
			   : poll(&p, 1, -1) != 1 || read(fd, &one, sizeof(one)) != sizeof(one))
		exit(1);
}

static void pass(int fd, pthread_t other)
{
	const uint64_t one = 1;

	if (ends.by_signal ? pthread_kill(other, SIGUSR1) != 0
			   : write(fd, &one, sizeof(one)) != sizeof(one))
		exit(1);
}

static void *answer(void *unused)
{
	for (unsigned i = 0; i < TURNS; i++) {
		await(ends.to[0]);
		pass(ends.back[1], ends.first);
	}
	return unused;
}

/* Two threads in turns, by pipes, eventfds and signals; beside them one that sleeps by the clock.
 */
static int turns(void)
{
	ends.first = pthread_self();
	sigemptyset(&ends.signals);
	sigaddset(&ends.signals, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &ends.signals, NULL);
	for (unsigned way = 0; way < 3; way++) {
		pthread_t t;

		if (!open_ends(ends.to, way == 0) || !open_ends(ends.back, way == 0))
			return 1;
		ends.by_signal = way == 2;
		pthread_create(&t, NULL, answer, NULL);
		usleep(1000); /* until it sleeps, too */
		for (unsigned i = 0; i < TURNS; i++) {
			pass(ends.to[1], t);
			await(ends.back[0]);
		}
		pthread_join(t, NULL);
	}
	return 0;
}

/* A region by client request: what is before the first counts, what is after the end does not. */
static int region(void)
{
	printf("roi 1\nroi 0\ntime 0\n");
	fflush(stdout);
	CXLMEMSIM_ROI_BEGIN();
	area[16][0] = 1;
	CXLMEMSIM_ROI_END();
	return CXLMEMSIM_TIME_NS() != 0;
}

/* Code that is rewritten and unmapped. */
static int jit(void)
{
	unsigned char bytes[] = {0xb8, 0, 0, 0, 0, 0xc3}; /* mov $0, %eax; ret */
	int sum = 0;

	for (unsigned char i = 0; i < 20; i++) {
		unsigned char *code = mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC,
					   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		int (*f)(void);

		if (code == MAP_FAILED)
			return 77;
		for (unsigned char k = 0; k < 2; k++) {
			bytes[1] = (unsigned char)(2 * i + k);
			memcpy(code, bytes, sizeof(bytes));
			memcpy(&f, &code, sizeof(f));
			sum += f();
		}
		munmap(code, PAGE);
	}
	printf("lost\nunmap\n");
	return sum != 39 * 20;
}

static const char *self;

/* A child, which runs another program. */
static int child(void)
{
	int status;
	pid_t pid;

	printf("hello fork 1\nhello fork 0\ncounts\n");
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		execl("/nonexistent", "nonexistent", (char *)NULL);
		if (errno == ENOENT)
			execl(self, self, "nothing", (char *)NULL);
		_exit(99);
	}
	return waitpid(pid, &status, 0) != pid || WEXITSTATUS(status) != 3;
}

/* Children that their parent ends at once: each told of itself before. On one CPU it would be late.
 */
static int ended(void)
{
	enum { CHILDREN = 50 };
	int cpu = sched_getcpu();
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(cpu < 0 ? 0 : (size_t)cpu, &one);
	sched_setaffinity(0, sizeof(one), &one);
	printf("%d\n", CHILDREN);
	fflush(stdout);
	for (int i = 0; i < CHILDREN; i++) {
		pid_t pid = fork();

		if (pid == 0)
			for (;;)
				pause();
		kill(pid, SIGKILL);
		if (waitpid(pid, NULL, 0) != pid)
			return 1;
	}
	return 0;
}

/* A child of its parent's parent. */
static int adopted(void)
{
	int fd[2];
	char byte;
	long pid;

	printf("hello fork 1\ncounts\n");
	fflush(stdout);
	if (pipe(fd) != 0)
		return 1;
	pid = syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0);
	if (pid == 0)
		_exit(0);
	close(fd[1]);
	return pid < 0 || read(fd[0], &byte, 1) != 0; /* until it has ended */
}

static volatile sig_atomic_t ticks;

static void tick(int signal)
{
	(void)signal;
	ticks++;
}

/* Signals out of the blue. */
static int signals(void)
{
	const struct itimerval often = {{0, 1000}, {0, 1000}};

	signal(SIGALRM, tick);
	setitimer(ITIMER_REAL, &often, NULL);
	while (ticks < 20)
		area[20][ticks & 1023]++;
	return 0;
}

/* Allocations; a caller that is left by a jump must not hide the next ones. */
static int allocate(void)
{
	char *volatile p = malloc(1000);
	char *volatile q = realloc(calloc(10, 20), 100000);
	void *r = NULL;

	if (!p || !q || posix_memalign(&r, 256, 5000))
		return 1;
	printf("alloc %lx 3e8\nalloc %lx 186a0\nalloc %lx 1388\nfree %lx\nfree %lx\nfree %lx\n",
	       (unsigned long)(uintptr_t)p, (unsigned long)(uintptr_t)q,
	       (unsigned long)(uintptr_t)r, (unsigned long)(uintptr_t)p,
	       (unsigned long)(uintptr_t)q, (unsigned long)(uintptr_t)r);
	fflush(stdout);
	free(p);
	free(q);
	free(r);
	return 0;
}

/* String instructions: an iteration is an instruction. */
static int strings(void)
{
	char *to = area[24], *from = area[32];
	unsigned long n = PAGE;

	for (unsigned i = 0; i < PAGE / 64; i++)
		printf("line %lx\n", line_of(to + 64 * i));
	fflush(stdout);
	__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
	return area[24][5] != area[32][5];
}

/* Bits of registers, with the stack in a page of its own: what must not be touched there. */
static int bits(void)
{
	char *stack = area[40] + PAGE / 2;
	long value = 1, which = 3;

	for (unsigned i = 0; i < PAGE / 64; i++)
		printf("line %lx\n", line_of(area[40] + 64 * i));
	fflush(stdout);
	__asm__ volatile("xchg %0, %%rsp\n\t"
			 "bt %2, %1\n\t"
			 "bts %2, %1\n\t"
			 "btr %2, %1\n\t"
			 "btc %2, %1\n\t"
			 "xchg %0, %%rsp"
			 : "+r"(stack), "+r"(value)
			 : "r"(which)
			 : "cc", "memory");
	return value != 9;
}

static __attribute__((noinline, noclone)) uint64_t sum_of(const volatile uint64_t *p, unsigned n)
{
	uint64_t sum = 0;

	while (n-- > 0)
		sum += *p++;
	return sum;
}

/* The predictor has learnt that there are words to add; now there are none, nor may they be read.
 */
static int unreadable(void)
{
	char *p = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int id = shmget(IPC_PRIVATE, PAGE, IPC_CREAT | 0600);
	char *shared = id < 0 ? (char *)-1 : shmat(id, NULL, 0);
	uint64_t sum = 0;

	if (p == MAP_FAILED || shared == (char *)-1)
		return 77;
	shmctl(id, IPC_RMID, NULL);
	for (unsigned i = 0; i < 200; i++)
		sum += sum_of((uint64_t *)(void *)p, 8) + sum_of((uint64_t *)(void *)shared, 8);
	if (mprotect(p, 2 * PAGE, PROT_NONE) || shmdt(shared))
		return 1;
	sum += sum_of((uint64_t *)(void *)p, 0) + sum_of((uint64_t *)(void *)shared, 0);
	return sum != 0;
}

/* Loads of what a store wrote, of part of it, and of what lies beside it in 16 bytes, the lower or
 * the upper of those that the load touches. The store past the caches tells which block it is.
 * Valgrind leaves out a load whose register is loaded again. */
static int forward(void)
{
	char *p = area[48];

	memset(p + 256, 1, 128);
	for (volatile unsigned i = 0; i < 2000; i++) /* nothing is in flight any more */
		;
	printf("nt line %lx near back 1 fwd back 1 part back 1 near back 1 fwd back 1 fwd back 1 "
	       "near back 1\n",
	       line_of(p));
	fflush(stdout);
	for (volatile unsigned i = 0; i < 2000; i++)
		;
	__asm__ volatile("movnti %1, (%0)\n\t"
			 "mov %1, 0x118(%0)\n\t"
			 "movdqu 0x108(%0), %%xmm0\n\t"
			 "movdqu 0x10c(%0), %%xmm1\n\t"
			 "mov 0x114(%0), %%r9\n\t"
			 "mov 0x10c(%0), %%rcx\n\t"
			 "mov 0x118(%0), %%rdx\n\t"
			 "mov 0x11c(%0), %%esi\n\t"
			 "mov 0x110(%0), %%edi\n\t"
			 "mov 0x120(%0), %%r8"
			 :
			 : "r"(p), "r"(5L)
			 : "rcx", "rdx", "rsi", "rdi", "r8", "r9", "xmm0", "xmm1", "memory");
	return 0;
}

/* Reads the time stamp in the way that CPUID says there is, as Go's runtime does. */
static int stamp(void)
{
	const unsigned has_rdtscp = 1u << 27;
	unsigned a, b, c, d;

	if (__get_cpuid(0x80000001, &a, &b, &c, &d) && d & has_rdtscp)
		__asm__ volatile("rdtscp" ::: "eax", "ecx", "edx");
	return 0;
}

#define LINES	   2048u
#define LINE_WORDS 8u
#define PASSES	   32u
static uint64_t lines[2][LINES][LINE_WORDS] __attribute__((aligned(4096)));
/* Wrong paths read pages only that have been accessed. */
static void touch_pages(void)
{
	for (unsigned i = PAGE / 64 - 1; i < LINES; i += PAGE / 64)
		*(volatile uint64_t *)lines[0][i] = *(volatile uint64_t *)lines[1][i] = 0;
}

static uint64_t chance = 1;
/* Into t, whose lowest bit is a matter of chance then. */
#define DRAW                                                                                       \
	"imul %[odd], %[x]\n\t"                                                                    \
	"add $12345, %[x]\n\t"                                                                     \
	"mov %[x], %[t]\n\t"                                                                       \
	"shr $40, %[t]\n\t"
/* A branch by it; what follows it is beyond a short walk. */
#define GUESS                                                                                      \
	"test $1, %b[t]\n\t"                                                                       \
	"jz 2f\n\t"                                                                                \
	"nop\n"                                                                                    \
	"2: .rept 20\n\t"                                                                          \
	"nop\n\t"                                                                                  \
	".endr\n\t"

/* Reads @n words, with a branch on each; it asks for what lies @ahead bytes behind a word, and
 * behind the branch reads one of @side, which moves on by @stride. */
static __attribute__((noinline)) void guess_by_words(const uint64_t *word, uint64_t n,
						     uint64_t ahead, const uint64_t *side,
						     uint64_t stride)
{
	uint64_t t;

	__asm__ volatile(
		"1: prefetcht0 (%[word], %[ahead])\n\t" DRAW "add (%[word]), %[t]\n\t" GUESS
		"mov (%[side]), %[t]\n\t"
		"add %[stride], %[side]\n\t"
		"add $8, %[word]\n\t"
		"dec %[n]\n\t"
		"jnz 1b"
		: [word] "+r"(word), [x] "+r"(chance), [n] "+r"(n), [side] "+r"(side), [t] "=&r"(t)
		: [odd] "r"(6364136223846793005u), [ahead] "r"(ahead), [stride] "r"(stride)
		: "cc", "memory");
}

/* Half of the branches on a line's words are mispredicted, and reach the next line. Only the first
 * of them waits for the line. Prints how many lines there are. */
static int awaited(void)
{
	touch_pages();
	guess_by_words(lines[0][0], (uint64_t)LINES * LINE_WORDS, 0, &chance, 0);
	printf("%u\n", LINES);
	return 0;
}

/* The same, but lines were asked for a hundred branches ago. What could be found is beside them. */
static int long_ago(void)
{
	uint64_t n = (uint64_t)LINES * LINE_WORDS, ahead = 100 * sizeof(uint64_t);

	touch_pages();
	guess_by_words(lines[0][0], n - ahead, ahead, lines[1][0], sizeof(uint64_t));
	printf("%u\n", LINES);
	return 0;
}

/* @n hops of a chain, with a branch on each; behind it a word is read, of the next line if @stride
 * is that long. Return: where the chain goes on. */
static __attribute__((noinline)) uint64_t *guess_by_hops(uint64_t *at, uint64_t n,
							 const uint64_t *word, uint64_t stride)
{
	uint64_t t;

	__asm__ volatile(
		"1: " DRAW "add 8(%[at]), %[t]\n\t" GUESS "mov (%[at]), %[at]\n\t"
		"mov (%[word]), %[t]\n\t"
		"add %[stride], %[word]\n\t"
		"dec %[n]\n\t"
		"jnz 1b"
		: [at] "+r"(at), [word] "+r"(word), [x] "+r"(chance), [n] "+r"(n), [t] "=&r"(t)
		: [odd] "r"(6364136223846793005u), [stride] "r"(stride)
		: "cc", "memory");
	return at;
}

/* Wrong paths do not know where the chain leads. Forty times in a row they find nothing, then they
 * might four times. Prints how often that is so: so often that by no matter which chances some of
 * the few far walks meet it. */
static int barren(void)
{
	unsigned rounds = LINES / 44;

	touch_pages();
	for (unsigned i = 0; i + 1 < LINES; i++)
		lines[0][i][0] = (uint64_t)(uintptr_t)lines[0][i + 1];
	for (unsigned pass = 0; pass < PASSES; pass++) {
		uint64_t *at = lines[0][0];

		for (unsigned i = 0; i < rounds; i++) {
			at = guess_by_hops(at, 40, &chance, 0);
			at = guess_by_hops(at, 4, lines[1][i * 32], sizeof(lines[1][0]));
		}
	}
	printf("%u\n", rounds * PASSES);
	return 0;
}

/* Hops of a chain with a branch on each; behind it @code, which leaves [word] as it is, and then a
 * line that was not read before. Prints how many hops. */
#define FOLLOW(name, code)                                                                         \
	static __attribute__((noinline)) void hops_##name(const uint64_t *at, uint64_t n,          \
							  const uint64_t *word, uint64_t one)      \
	{                                                                                          \
		uint64_t t;                                                                        \
                                                                                                   \
		__asm__ volatile("lea -256(%%rsp), %%rsp\n\t"                                      \
				 "1: " DRAW "add 8(%[at]), %[t]\n\t" GUESS                         \
				 "mov (%[at]), %[at]\n\t" code "\n\t"                              \
				 "mov (%[word]), %[t]\n\t"                                         \
				 "add $64, %[word]\n\t"                                            \
				 "dec %[n]\n\t"                                                    \
				 "jnz 1b\n\t"                                                      \
				 "lea 256(%%rsp), %%rsp"                                           \
				 : [at] "+r"(at), [word] "+r"(word), [x] "+r"(chance),             \
				   [n] "+r"(n), [t] "=&r"(t)                                       \
				 : [odd] "r"(6364136223846793005u), [one] "r"(one)                 \
				 : "rax", "rdx", "cc", "memory");                                  \
	}                                                                                          \
	static int follow_##name(void)                                                             \
	{                                                                                          \
		return follow(hops_##name);                                                        \
	}

static int follow(void (*hops)(const uint64_t *, uint64_t, const uint64_t *, uint64_t))
{
	touch_pages();
	for (unsigned i = 0; i + 1 < LINES; i++)
		lines[0][i][0] = (uint64_t)(uintptr_t)lines[0][i + 1];
	hops(lines[0][0], LINES - 1, lines[1][0], 1);
	printf("%u\n", LINES - 1);
	return 0;
}

FOLLOW(bits, "bt %[n], %[word]\n\t"
	     "bts $3, %%eax\n\t"
	     "bsf %[word], %%rax\n\t"
	     "bswap %%eax\n\t"
	     "shld $3, %[word], %%rax")
FOLLOW(product, "imul $1, %[word], %[word]\n\t"
		"mov %[word], %%rax\n\t"
		"mul %[one]\n\t"
		"mov %%rax, %[word]")
FOLLOW(quotient, "mov %[word], %%rax\n\t"
		 "cqo\n\t"
		 "idiv %[one]\n\t"
		 "xor %%edx, %%edx\n\t"
		 "div %[one]\n\t"
		 "mov %%rax, %[word]")
FOLLOW(call, "push %[word]\n\t"
	     "xor %k[word], %k[word]\n\t"
	     "call 3f\n\t"
	     "jmp 4f\n"
	     "3: push %%rbp\n\t"
	     "mov %%rsp, %%rbp\n\t"
	     "push $7\n\t"
	     "leave\n\t"
	     "ret\n"
	     "4: pop %[word]")
FOLLOW(computed, "lea 3f(%%rip), %%rax\n\t"
		 "lea -1(%%rax, %[one]), %%rax\n\t"
		 "call *%%rax\n\t"
		 "jmp 4f\n"
		 "3: lea 5f(%%rip), %%rax\n\t"
		 "push %%rax\n\t"
		 "jmp *(%%rsp)\n\t"
		 "ud2\n"
		 "5: pop %%rax\n\t"
		 "ret\n"
		 "4:")
FOLLOW(store, "mov %[word], -8(%%rsp)\n\t"
	      "xor %k[word], %k[word]\n\t"
	      "mov -8(%%rsp), %[word]")
FOLLOW(change, "movq $0, -8(%%rsp)\n\t"
	       "add %[word], -8(%%rsp)\n\t"
	       "addq $1, -8(%%rsp)\n\t"
	       "decq -8(%%rsp)\n\t"
	       "xor %k[word], %k[word]\n\t"
	       "add -8(%%rsp), %[word]")
/* As after a return from where the branch was: the stack begins above its end of then. */
FOLLOW(above, "lea 64(%%rsp), %%rsp\n\t"
	      "push %[word]\n\t"
	      "xor %k[word], %k[word]\n\t"
	      "call 3f\n\t"
	      "jmp 4f\n"
	      "3: ret\n"
	      "4: pop %[word]\n\t"
	      "lea -64(%%rsp), %%rsp")
FOLLOW(pushed, "push %[word]\n\t"
	       "xor %k[word], %k[word]\n\t"
	       "mov (%%rsp), %%rax\n\t"
	       "push %%rax\n\t"
	       "movq $0, (%%rsp)\n\t"
	       "mov %%rax, (%%rsp)\n\t"
	       "pop %[word]\n\t"
	       "lea 8(%%rsp), %%rsp")
FOLLOW(prefix, ".byte 0x66, 0x2e, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0\n\t"
	       "mov %%fs:0, %%rax")
FOLLOW(avx, "vpxor %%ymm0, %%ymm0, %%ymm0\n\t"
	    "vpshufb %%ymm0, %%ymm0, %%ymm0\n\t"
	    "vpalignr $3, %%ymm0, %%ymm0, %%ymm0\n\t"
	    "shlx %[one], %[word], %%rax\n\t"
	    "vzeroupper")

/* The second bytes of registers, which have the numbers of others: of the stack's end, for one. */
FOLLOW(high, "mov %%ah, %%dh\n\t"
	     "mov $1, %%ah\n\t"
	     "add %%ah, %%al\n\t"
	     "inc %%ah\n\t"
	     "sete %%ah\n\t"
	     "push %[word]\n\t"
	     "xor %k[word], %k[word]\n\t"
	     "pop %[word]")

/* Each hop takes the word that the branch waits for off the stack, whose end is known before. */
static __attribute__((noinline)) void hops_left(const uint64_t *at, uint64_t n,
						const uint64_t *word, uint64_t one)
{
	uint64_t t, sp, bp;

	__asm__ volatile("mov %%rsp, %[sp]\n\t"
			 "mov %%rbp, %[bp]\n\t"
			 "mov %[at], %%rbp\n"
			 "1: " DRAW "leave\n\t" GUESS "push %[word]\n\t"
			 "xor %k[word], %k[word]\n\t"
			 "pop %[word]\n\t"
			 "mov (%[word]), %[t]\n\t"
			 "add $64, %[word]\n\t"
			 "dec %[n]\n\t"
			 "jnz 1b\n\t"
			 "mov %[sp], %%rsp\n\t"
			 "mov %[bp], %%rbp"
			 : [word] "+r"(word), [x] "+r"(chance), [n] "+r"(n), [t] "=&r"(t),
			   [sp] "=&r"(sp), [bp] "=&r"(bp)
			 : [odd] "r"(6364136223846793005u), [at] "r"(at), [one] "r"(one)
			 : "cc", "memory");
}

static int follow_left(void)
{
	return follow(hops_left);
}

static int follow_avx_if_any(void)
{
	return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2") ? follow_avx() : 77;
}

static int nothing(void)
{
	return 3;
}

static int itself(void)
{
	execl("/proc/self/exe", self, "nothing", (char *)NULL);
	return 1;
}

static int crash(void)
{
	abort();
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(void);
	} cases[] = {
		{"prefetch", prefetch},
		{"nt", nt},
		{"gather", gather},
		{"fault", fault},
		{"threads", threads},
		{"region", region},
		{"jit", jit},
		{"child", child},
		{"signals", signals},
		{"allocate", allocate},
		{"strings", strings},
		{"bits", bits},
		{"nothing", nothing},
		{"stamp", stamp},
		{"crash", crash},
		{"combine", combine},
		{"adopted", adopted},
		{"barrier", barrier},
		{"crowd", crowd},
		{"unreadable", unreadable},
		{"ended", ended},
		{"turns", turns},
		{"itself", itself},
		{"forward", forward},
		{"awaited", awaited},
		{"long_ago", long_ago},
		{"barren", barren},
		{"follow_bits", follow_bits},
		{"follow_product", follow_product},
		{"follow_quotient", follow_quotient},
		{"follow_call", follow_call},
		{"follow_computed", follow_computed},
		{"follow_store", follow_store},
		{"follow_change", follow_change},
		{"follow_above", follow_above},
		{"follow_pushed", follow_pushed},
		{"follow_prefix", follow_prefix},
		{"follow_avx", follow_avx_if_any},
		{"follow_high", follow_high},
		{"follow_left", follow_left},
	};

	self = argv[0];
	for (unsigned i = 0; i < COUNT(cases); i++)
		if (argc == 2 && !strcmp(argv[1], cases[i].name))
			return cases[i].run();
	return 2;
}
