/* Two processes that hand work on by pipes, and read no clock:
 *
 *   relay alone|parent|child|turns|late|waits|writes|reads STEPS
 *
 * STEPS lines are chased: by one process that is alone, or half of them by each of two. The
 * 'parent' or the 'child' is first, and writes a byte that the other waits for; in 'turns' bytes go
 * both ways, ten times; 'late' has a byte of before in the pipe. Who 'writes' is the first and
 * writes to the standard output, who 'reads' is the second. Who 'waits' has a child that chases all
 * of them, chases a hundredth as many beside it, and waits for its end.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define LINES  16384u /* 1 MiB */
#define STRIDE 6007u  /* has no divisor of LINES */
#define TURNS  10u

struct line {
	struct line *next;
	char rest[64 - sizeof(struct line *)];
};

static struct line *at;

void together(void);
__attribute__((noinline)) void together(void)
{
	__asm__ volatile("");
}

static void make_ring(void)
{
	struct line *l = aligned_alloc(4096, LINES * sizeof(*l));

	if (!l)
		exit(77);
	for (unsigned i = 0; i < LINES; i++)
		l[i * STRIDE % LINES].next = &l[(i + 1) * STRIDE % LINES];
	at = l;
}

static void work(unsigned n)
{
	while (n-- > 0)
		at = *(struct line *volatile *)&at->next;
}

static void tell(int fd)
{
	if (write(fd, "x", 1) != 1)
		_exit(1);
}

static void hear(int fd)
{
	char byte;

	if (read(fd, &byte, 1) != 1)
		_exit(1);
}

static void go_first(int fd, unsigned steps)
{
	work(steps / 2);
	tell(fd);
}

static void go_second(int fd, unsigned steps)
{
	hear(fd);
	work(steps / 2);
}

static void take_turns(int from, int to, unsigned steps)
{
	for (unsigned i = 0; i < TURNS; i++) {
		hear(from);
		work(steps / 2 / TURNS);
		tell(to);
	}
}

static void both(const char *way, unsigned steps)
{
	int there[2], back[2];
	pid_t pid;

	if (pipe(there) != 0 || pipe(back) != 0)
		exit(1);
	if (!strcmp(way, "late") || !strcmp(way, "turns"))
		tell(there[1]);
	pid = fork();
	if (!strcmp(way, "late"))
		hear(pid ? back[0] : there[0]);
	if (!strcmp(way, "late") && !pid)
		tell(back[1]);
	if (!strcmp(way, "turns"))
		take_turns(pid ? back[0] : there[0], pid ? there[1] : back[1], steps);
	else if ((pid == 0) == !strcmp(way, "child"))
		go_first(there[1], steps);
	else
		go_second(there[0], steps);
	if (!pid)
		_exit(0);
	waitpid(pid, NULL, 0);
}

static void wait_for_child(unsigned steps)
{
	pid_t pid = fork();

	work(pid ? steps / 100 : steps);
	if (!pid)
		_exit(0);
	waitpid(pid, NULL, 0);
}

int main(int argc, char **argv)
{
	const char *way = argc > 1 ? argv[1] : "alone";
	const unsigned steps = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 1000;

	make_ring();
	together();
	if (!strcmp(way, "alone"))
		work(steps);
	else if (!strcmp(way, "waits"))
		wait_for_child(steps);
	else if (!strcmp(way, "writes"))
		go_first(STDOUT_FILENO, steps);
	else if (!strcmp(way, "reads"))
		go_second(STDIN_FILENO, steps);
	else
		both(way, steps);
	return 0;
}
