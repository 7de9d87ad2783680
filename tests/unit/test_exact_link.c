/* Processes that run side by side under the exact tool are read side by side; who sleeps is not
 * waited for. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "core/xstream.h"
#include "source/exact_link.h"

#define STEP_INSNS 100000u /* from packet to packet */
#define PACKETS	   64
#define LOOKS	   200

static int connect_to(const struct cxms_link *l)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);

	memcpy(address.sun_path + 1, l->name, strlen(l->name));
	if (fd < 0 ||
	    connect(fd, (struct sockaddr *)&address,
		    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(l->name))) < 0)
		_exit(1);
	return fd;
}

static void send_packets(int fd, uint64_t first, uint64_t n)
{
	for (uint64_t i = first; i < first + n; i++) {
		const struct cxms_xs_head head = {.magic = CXMS_XS_MAGIC,
						  .pid = (uint32_t)getpid(),
						  .seq = i,
						  .insns = i * STEP_INSNS};

		if (send(fd, &head, sizeof(head), 0) < 0)
			_exit(1);
	}
}

/* Tells of one packet, and computes until it is told to go on: then of all others. */
static pid_t start_computing(const struct cxms_link *l, int go_on)
{
	static volatile sig_atomic_t told;
	pid_t pid = fork();
	char byte;

	if (pid != 0)
		return pid;
	int fd = connect_to(l);
	send_packets(fd, 0, 1);
	while (!told)
		told = recv(go_on, &byte, 1, MSG_DONTWAIT) == 1;
	send_packets(fd, 1, PACKETS - 1);
	_exit(0);
}

/* Tells of one packet, and sleeps. */
static pid_t start_sleeping(const struct cxms_link *l)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	send_packets(connect_to(l), 0, 1);
	for (;;)
		pause();
}

static pid_t start_running(const struct cxms_link *l)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	send_packets(connect_to(l), 0, PACKETS);
	_exit(0);
}

/* Until @n packets have come of process @pid in all, *got of them so far, or @looks are over. */
static void read_of(struct cxms_link *l, pid_t pid, size_t n, size_t *got, int looks)
{
	struct pollfd fds[8];

	for (int i = 0; i < looks && *got < n; i++) {
		assert_true(1 + l->n_conn <= 8);
		cxms_link_poll(l, fds);
		poll(fds, (nfds_t)(1 + l->n_conn), cxms_link_holds(l) ? 1 : 50);
		assert_int_equal(cxms_link_receive(l, 4, NULL), 0);
		for (size_t k = 0; k < l->n_packet; k++) {
			struct cxms_xs_head head;

			memcpy(&head, l->packet[k].data, sizeof(head));
			*got += head.pid == (uint32_t)pid;
		}
		cxms_link_recycle(l);
	}
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void test_nobody_is_read_far_ahead_of_who_computes(void **state)
{
	struct cxms_link l;
	size_t first = 0, second = 0;
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(cxms_link_open(&l, NULL), 0);
	pid_t computing = start_computing(&l, pair[1]);
	read_of(&l, computing, 1, &first, 1000);
	assert_int_equal(first, 1);
	pid_t running = start_running(&l);
	read_of(&l, running, PACKETS, &second, LOOKS);
	assert_in_range(second, 2, CXMS_ASSUMED_LINK_AHEAD_INSNS / STEP_INSNS + 2);
	assert_true(cxms_link_holds(&l));
	assert_int_equal(send(pair[0], "", 1, 0), 1);
	read_of(&l, running, PACKETS, &second, 1000);
	assert_int_equal(second, PACKETS); /* side by side to the end */
	end(computing);
	end(running);
	cxms_link_close(&l);
	close(pair[0]);
	close(pair[1]);
}

static void test_who_sleeps_is_not_waited_for(void **state)
{
	struct cxms_link l;
	size_t first = 0, second = 0;

	(void)state;
	assert_int_equal(cxms_link_open(&l, NULL), 0);
	pid_t sleeping = start_sleeping(&l);
	read_of(&l, sleeping, 1, &first, 1000);
	assert_int_equal(first, 1);
	pid_t running = start_running(&l);
	read_of(&l, running, PACKETS, &second, 1000);
	assert_int_equal(second, PACKETS);
	end(sleeping);
	end(running);
	cxms_link_close(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nobody_is_read_far_ahead_of_who_computes),
		cmocka_unit_test(test_who_sleeps_is_not_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
