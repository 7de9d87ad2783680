/*
 * Stands for valgrind with the exact tool: runs the program plainly, and tells of it in packets as
 * the tool would. Tests put it first in PATH. FAKE_TOOL chooses what it does:
 *
 *   (nothing)   a run as it should be; the program's status
 *   fork        the same, and a second process image that connects, and refers to the first
 *   killed      the same, but that one is killed before it has told its totals
 *   time        the same, and asks for the simulated time, which it prints to standard error
 *   noroi       the same, but the region was never entered
 *   warn        the same, and one warning
 *   many        the same, and thousands of packets
 *   orphan      the same, and a process that keeps its connection and lives on for 60 s
 *   silent      ends with 1 and never connects, with a word in its log
 *   reject      connects, then gives up as the tool does: 125, the reason in its log
 *   unknown     an instruction it does not know: SIGILL, and the words of Valgrind in its log
 *   garbage     sends bytes that are no packet
 *   badmsg      sends a packet whose message is cut
 *   long        sends more bytes than a packet may have
 *
 * FAKE_ARGS names a file that gets the words of the command line and what of the environment is
 * meant for it, one a line.
 */
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/xstream.h"

struct packet {
	struct cxms_xs_head head;
	uint8_t body[CXMS_XS_PACKET_MAX * 2]; /* and the offsets of its control messages */
	size_t n, n_control;
	uint16_t control[64];
};

static const char *mode = "", *socket_name, *log_dir;
static uint64_t seq;
static int out_fd = -1;

static void put_byte(struct packet *p, unsigned v)
{
	p->body[p->n++] = (uint8_t)v;
}

static void put(struct packet *p, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		put_byte(p, (unsigned)(v & 0x7f) | 0x80u);
	put_byte(p, (unsigned)v);
}

static void put_text(struct packet *p, const char *text, size_t n)
{
	put(p, n);
	memcpy(p->body + p->n, text, n);
	p->n += n;
}

static void control(struct packet *p, enum cxms_xs_control type)
{
	p->control[p->n_control++] = (uint16_t)(sizeof(p->head) + p->n);
	put(p, 0);
	put_byte(p, type);
}

static void send_packet(struct packet *p, unsigned pid, uint64_t insns)
{
	p->head = (struct cxms_xs_head){.magic = CXMS_XS_MAGIC,
					.bytes = (uint32_t)p->n,
					.pid = pid,
					.seq = seq++,
					.insns = insns};
	memcpy(p->body + p->n, p->control, p->n_control * sizeof(*p->control));
	p->n += p->n_control * sizeof(*p->control);
	/* the room between head and body has no gap: both are bytes */
	if (send(out_fd, p, sizeof(p->head) + p->n, MSG_NOSIGNAL) < 0)
		perror("fake valgrind: send");
	p->n = p->n_control = 0;
}

static void connect_out(void)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	size_t len = strlen(socket_name);

	if (out_fd >= 0) /* of the process that forked this one */
		close(out_fd);
	memcpy(a.sun_path + 1, socket_name, len);
	out_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (connect(out_fd, (struct sockaddr *)&a,
		    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + len)) < 0) {
		perror("fake valgrind: connect");
		exit(125);
	}
	seq = 0;
}

static void say(const char *text)
{
	char path[4096];
	FILE *fp;

	snprintf(path, sizeof(path), "%s/log.%ld", log_dir, (long)getpid());
	fp = fopen(path, "a");
	if (fp) {
		fprintf(fp, "==%ld== %s\n", (long)getpid(), text);
		fclose(fp);
	}
}

static void hello(struct packet *p, char **argv, int is_fork)
{
	char words[4096] = "";
	size_t n = 0;

	for (size_t i = 0; argv && argv[i] && n + strlen(argv[i]) + 1 < sizeof(words); i++) {
		n += i > 0;
		memcpy(words + n, argv[i], strlen(argv[i]) + 1);
		n += strlen(argv[i]);
	}
	control(p, CXMS_XC_THREAD);
	put(p, 1);
	control(p, CXMS_XC_HELLO);
	put(p, 1);
	put(p, (uint64_t)getpid());
	put(p, (uint64_t)getppid());
	put_byte(p, is_fork ? 1 : 0);
	put(p, is_fork ? 2 : 1);
	put_text(p, words, n);
}

/* A block of two instructions, a load that misses everything, and a run with events of each kind.
 */
static void some_code(struct packet *p)
{
	static const uint8_t kinds[][3] = {
		{CXMS_XE_HIT | CXMS_XE_TLB2, 0},
		{CXMS_XE_L2, 0},
		{CXMS_XE_MEM | CXMS_XE_WALK, 1},
		{CXMS_XE_USE, 1},
		{CXMS_XE_FWD, 1},
		{CXMS_XE_PF, 2},
		{CXMS_XE_WB, 1},
		{CXMS_XE_IF, 3},
		{CXMS_XE_MISP, 0},
	};
	const size_t n = sizeof(kinds) / sizeof(kinds[0]);

	control(p, CXMS_XC_BLOCK);
	put(p, 1);
	put(p, 0x401000);
	put(p, 2);
	put(p, 0);
	put_text(p, "\x48\x8b\x07", 3); /* mov (%rdi),%rax */
	put(p, 0);
	put_text(p, "\xc3", 1); /* ret */
	put(p, 2);
	put(p, 0);
	put_byte(p, CXMS_XA_LOAD | 3 << 4);
	put(p, 1);
	put_byte(p, CXMS_XA_LOAD | 3 << 4);
	put(p, 0);
	put_byte(p, CXMS_XX_RET);
	put(p, 1 << 2 | 2);
	put(p, n);
	for (size_t i = 0; i < n; i++) {
		put_byte(p, kinds[i][0]);
		put(p, 0);
		if (kinds[i][1] == 2)
			put_byte(p, CXMS_XL_L2 | CXMS_XL_MEM << 4);
		if (kinds[i][1] == 3)
			put_byte(p, CXMS_XL_L2);
		else if (kinds[i][1])
			put(p, 2);
	}
}

static void counts(struct packet *p)
{
	control(p, CXMS_XC_EXIT);
	put(p, 1);
	control(p, CXMS_XC_COUNTS);
	put(p, CXMS_XN_COUNT);
	for (int i = 0; i < CXMS_XN_COUNT; i++)
		put(p, strcmp(mode, "noroi") == 0 &&
				       (i == CXMS_XN_ROI_ENTRIES || i == CXMS_XN_ROI_EXITS)
			       ? 0
			       : (uint64_t)(1000 - i));
}

/* Also of a program that a signal ends: Valgrind catches it first. */
static void tell_end(struct packet *p)
{
	control(p, CXMS_XC_THREAD);
	put(p, 1);
	counts(p);
	send_packet(p, (unsigned)getpid(), 30);
}

static void ask_time(struct packet *p)
{
	uint64_t ns = 0;

	control(p, CXMS_XC_TIME);
	put(p, 42);
	send_packet(p, (unsigned)getpid(), 10);
	if (recv(out_fd, &ns, sizeof(ns), 0) == (ssize_t)sizeof(ns))
		fprintf(stderr, "time %llu\n", (unsigned long long)ns);
	control(p, CXMS_XC_THREAD);
	put(p, 1);
}

/* A second process: its first packet must come behind what the first had sent before. */
static void second_process(struct packet *p)
{
	pid_t pid;

	send_packet(p, (unsigned)getpid(), 10);
	pid = fork();
	if (pid == 0) {
		connect_out();
		p->n = p->n_control = 0;
		hello(p, NULL, 1);
		if (strcmp(mode, "killed") != 0)
			counts(p);
		send_packet(p, (unsigned)getpid(), 20);
		if (strcmp(mode, "noexec") == 0) {
			control(p, CXMS_XC_THREAD);
			put(p, 1);
			send_packet(p, (unsigned)getpid(), 20);
		}
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	control(p, CXMS_XC_THREAD);
	put(p, 1);
}

/* It has told of itself before the program goes on. */
static void orphan(struct packet *p)
{
	int told[2];
	char end;

	send_packet(p, (unsigned)getpid(), 10);
	if (pipe(told) < 0)
		exit(125);
	if (fork() == 0) {
		connect_out();
		p->n = p->n_control = 0;
		hello(p, NULL, 1);
		send_packet(p, (unsigned)getpid(), 20);
		close(told[0]);
		close(told[1]);
		fclose(stdin);
		close(1);
		close(2);
		sleep(60);
		_exit(0);
	}
	close(told[1]);
	while (read(told[0], &end, 1) < 0 && errno == EINTR)
		;
	close(told[0]);
	control(p, CXMS_XC_THREAD);
	put(p, 1);
}

static void tell(struct packet *p, char **argv)
{
	connect_out();
	hello(p, argv, 0);
	control(p, CXMS_XC_MAP);
	put(p, 0x401000);
	put(p, 4096);
	put_byte(p, 5);
	put_text(p, "/bin/fake", 9);
	some_code(p);
	control(p, CXMS_XC_PAGE);
	put(p, 0x401);
	put_byte(p, 0);
	control(p, CXMS_XC_CLONE);
	put(p, 2);
	if (strcmp(mode, "warn") == 0) {
		control(p, CXMS_XC_WARN);
		put_text(p, "something was not followed", 26);
	}
	if (strcmp(mode, "time") == 0)
		ask_time(p);
	if (strcmp(mode, "fork") == 0 || strcmp(mode, "killed") == 0 || strcmp(mode, "noexec") == 0)
		second_process(p);
	for (int i = 0; strcmp(mode, "many") == 0 && i < 5000; i++) {
		send_packet(p, (unsigned)getpid(), 10);
		control(p, CXMS_XC_THREAD);
		put(p, 1);
	}
	if (strcmp(mode, "orphan") == 0)
		orphan(p);
	if (strcmp(mode, "garbage") == 0)
		send(out_fd, "hello, this is no packet at all, sorry", 38, MSG_NOSIGNAL);
	if (strcmp(mode, "badmsg") == 0)
		control(p, CXMS_XC_PAGE);
	if (strcmp(mode, "long") == 0)
		p->n = sizeof(p->body) - sizeof(p->control);
	send_packet(p, (unsigned)getpid(), 10);
}

static int run_program(char **argv)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		execvp(argv[0], argv);
		_exit(127);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

static void note_args(int argc, char **argv)
{
	static const char *const names[] = {"VALGRIND_LIB", "CXMS_EXACT_DIR", "OMP_WAIT_POLICY"};
	const char *path = getenv("FAKE_ARGS");
	FILE *fp = path ? fopen(path, "w") : NULL;

	for (int i = 1; fp && i < argc; i++)
		fprintf(fp, "%s\n", argv[i]);
	for (size_t i = 0; fp && i < sizeof(names) / sizeof(names[0]); i++)
		fprintf(fp, "%s=%s\n", names[i], getenv(names[i]) ? getenv(names[i]) : "");
	if (fp)
		fclose(fp);
}

/* Words of the command line that matter here; returns where the program begins. */
static int read_args(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (strncmp(argv[i], "--cxms-out=@", 12) == 0)
			socket_name = argv[i] + 12;
		if (strncmp(argv[i], "--log-file=", 11) == 0) {
			log_dir = argv[i] + 11;
			*strrchr(argv[i], '/') = '\0';
		}
		if (strcmp(argv[i], "--") == 0)
			return i + 1;
	}
	return argc;
}

int main(int argc, char **argv)
{
	static struct packet p;
	int at, status;

	note_args(argc, argv);
	mode = getenv("FAKE_TOOL") ? getenv("FAKE_TOOL") : "";
	at = read_args(argc, argv);
	if (at >= argc || !socket_name || !log_dir)
		return 1;
	if (strcmp(mode, "silent") == 0) {
		say("cannot find the tool");
		return 1;
	}
	tell(&p, argv + at);
	if (strcmp(mode, "reject") == 0) {
		say("'begin' and 'end' are one function; compile them apart");
		return 125;
	}
	if (strcmp(mode, "unknown") == 0) {
		say("vex amd64->IR: unhandled instruction bytes: 0x62 0xF1 0x7C 0x48 0x10");
		tell_end(&p);
		raise(SIGILL);
	}
	status = run_program(argv + at);
	tell_end(&p);
	if (!WIFSIGNALED(status))
		return WEXITSTATUS(status);
	signal(WTERMSIG(status), SIG_DFL);
	raise(WTERMSIG(status));
	return 1;
}
