#include "source/exact_link.h"

#include <errno.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "source/tasks.h"
#include "trace/exact_packet.h"

#define BACKLOG 128

int cxms_link_open(struct cxms_link *l, struct cxms_err *err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	uint64_t any = 0;
	socklen_t len;

	*l = (struct cxms_link){.listen_fd = -1};
	if (getrandom(&any, sizeof(any), 0) != (ssize_t)sizeof(any))
		return cxms_fail_sys(err, errno, "cannot name a socket");
	snprintf(l->name, sizeof(l->name), "cxlmemsim-%ld-%016llx", (long)getpid(),
		 (unsigned long long)any);
	memcpy(address.sun_path + 1, l->name, strlen(l->name));
	len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(l->name));
	l->listen_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	l->is_open = true;
	if (l->listen_fd < 0 || bind(l->listen_fd, (struct sockaddr *)&address, len) < 0 ||
	    listen(l->listen_fd, BACKLOG) < 0)
		return cxms_fail_sys(err, errno, "cannot open a socket for the exact tool");
	return 0;
}

void cxms_link_poll(const struct cxms_link *l, struct pollfd *fds)
{
	fds[0] = (struct pollfd){.fd = l->listen_fd, .events = POLLIN};
	for (size_t i = 0; i < l->n_conn; i++)
		fds[1 + i] = (struct pollfd){.fd = l->conn[i].is_held ? -1 : l->conn[i].fd,
					     .events = POLLIN};
}

bool cxms_link_holds(const struct cxms_link *l)
{
	for (size_t i = 0; i < l->n_conn; i++)
		if (l->conn[i].is_held)
			return true;
	return false;
}

static int no_memory(struct cxms_err *err)
{
	return cxms_fail(err, ENOMEM, "out of memory for the packets of the exact tool");
}

/* Room for one more packet and its bytes. */
static int make_room(struct cxms_link *l, struct cxms_err *err)
{
	void *packets = l->packet, *rooms = l->room;

	if (cxms_array_grow(&packets, &l->cap_packet, l->n_packet + 1, sizeof(*l->packet)))
		return no_memory(err);
	l->packet = packets;
	if (l->n_packet < l->n_room)
		return 0;
	if (cxms_array_grow(&rooms, &l->cap_room, l->n_room + 1, sizeof(*l->room)))
		return no_memory(err);
	l->room = rooms;
	l->room[l->n_room] = malloc(CXMS_LINK_BYTES);
	if (!l->room[l->n_room])
		return no_memory(err);
	l->n_room++;
	return 0;
}

/* A forked process begins with the count of its parent. */
static void note_insns(struct cxms_link_conn *c, uint64_t insns)
{
	if (c->is_begun && insns > c->insns)
		c->at += insns - c->insns;
	c->insns = insns;
	c->is_begun = true;
}

/* What came: a packet, and offsets behind it. */
static int check_packet(struct cxms_link_conn *c, struct cxms_link_packet *p, size_t n, bool is_cut,
			struct cxms_err *err)
{
	struct cxms_xs_head head = {0};
	struct cxms_err why = {0};
	size_t behind;

	if (!is_cut && cxms_packet_head(p->data, n, &head, &why) == 0) {
		p->len = (uint32_t)sizeof(head) + head.bytes;
		behind = n - p->len;
		p->n_control = (uint32_t)(behind / sizeof(uint16_t));
		note_insns(c, head.insns);
		if (behind % sizeof(uint16_t) == 0)
			return 0;
	}
	return cxms_fail(err, EBADMSG,
			 "process %ld under the exact tool sent what is no packet: %s; is the "
			 "tool of this version of cxlmemsim?",
			 (long)c->pid, why.msg[0] ? why.msg : "its length is wrong");
}

/* One packet of @c. *got: the bytes that came, 0 nothing now, -1 the connection ended. */
static int take_packet(struct cxms_link *l, struct cxms_link_conn *c, int *got,
		       struct cxms_err *err)
{
	struct iovec iov = {.iov_len = CXMS_LINK_BYTES};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	struct cxms_link_packet *p;
	int rc = make_room(l, err);
	ssize_t n;

	if (rc < 0)
		return rc;
	p = &l->packet[l->n_packet];
	*p = (struct cxms_link_packet){.data = l->room[l->n_packet], .fd = c->fd};
	iov.iov_base = p->data;
	do
		n = recvmsg(c->fd, &msg, MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	*got = n > 0 ? (int)n : n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK) ? 0 : -1;
	if (*got < 1)
		return 0;
	rc = check_packet(c, p, (size_t)n, msg.msg_flags & MSG_TRUNC, err);
	l->n_packet += rc == 0;
	return rc;
}

/* The descriptor stays open until the packets are used: its number must not become another's. */
static int drop_conn(struct cxms_link *l, size_t i, struct cxms_err *err)
{
	void *ended = l->ended;

	if (cxms_array_grow(&ended, &l->cap_ended, l->n_ended + 1, sizeof(*l->ended)))
		return no_memory(err);
	l->ended = ended;
	l->ended[l->n_ended++] = l->conn[i].fd;
	memmove(&l->conn[i], &l->conn[i + 1], (l->n_conn - i - 1) * sizeof(*l->conn));
	l->n_conn--;
	if (l->next > i)
		l->next--;
	return 0;
}

int cxms_link_drain(struct cxms_link *l, struct cxms_err *err)
{
	int rc = 0;

	for (size_t i = 0; i < l->n_conn && !rc; i++) {
		int queued = 0, got = 1;

		if (ioctl(l->conn[i].fd, SIOCINQ, &queued) < 0)
			return cxms_fail_sys(err, errno, "cannot ask the exact tool's socket");
		while (queued > 0 && got > 0 && !rc) {
			rc = take_packet(l, &l->conn[i], &got, err);
			queued -= got > 0 ? got : 0;
		}
	}
	return rc;
}

/* Where a new process begins: beside those that are there. */
static uint64_t least_at(const struct cxms_link *l)
{
	uint64_t least = l->n_conn ? UINT64_MAX : 0;

	for (size_t i = 0; i < l->n_conn; i++)
		least = l->conn[i].at < least ? l->conn[i].at : least;
	return least;
}

/* Who connects is of the same user, or has put that user off: who is started as root may. */
static bool is_ours(const struct ucred *peer)
{
	return peer->uid == geteuid() ||
	       (geteuid() == 0 && cxms_process_descends(peer->pid, getpid()));
}

static int accept_one(struct cxms_link *l, bool *got, struct cxms_err *err)
{
	void *conns = l->conn;
	struct ucred peer = {0};
	socklen_t len = sizeof(peer);
	int fd = accept4(l->listen_fd, NULL, NULL, SOCK_CLOEXEC), rc;

	*got = fd >= 0;
	if (fd < 0)
		return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ||
				       errno == ECONNABORTED
			       ? 0
			       : cxms_fail_sys(err, errno, "cannot accept the exact tool");
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0 || !is_ours(&peer)) {
		close(fd); /* somebody else: not a process that was started here */
		return 0;
	}
	rc = cxms_link_drain(l, err);
	if (!rc && cxms_array_grow(&conns, &l->cap_conn, l->n_conn + 1, sizeof(*l->conn)))
		rc = no_memory(err);
	if (rc < 0) {
		close(fd);
		return rc;
	}
	l->conn = conns;
	l->conn[l->n_conn] = (struct cxms_link_conn){.fd = fd, .pid = peer.pid, .at = least_at(l)};
	l->n_conn++;
	l->n_accepted++;
	return 0;
}

/* Will there be packets of it without those of another being read? */
static bool is_awaited(const struct cxms_link_conn *c)
{
	int queued = 0;

	return (ioctl(c->fd, SIOCINQ, &queued) == 0 && queued > 0) || cxms_tasks_run(c->pid);
}

/* Is @c far ahead of one that runs? Those behind that do not are moved up: when they run again,
 * they are beside it. */
static bool is_ahead(struct cxms_link *l, const struct cxms_link_conn *c)
{
	if (c->at < CXMS_ASSUMED_LINK_AHEAD_INSNS)
		return false;
	for (size_t i = 0; i < l->n_conn; i++) {
		if (l->conn[i].at >= c->at - CXMS_ASSUMED_LINK_AHEAD_INSNS)
			continue;
		if (is_awaited(&l->conn[i]))
			return true;
		l->conn[i].at = c->at - CXMS_ASSUMED_LINK_AHEAD_INSNS;
	}
	return false;
}

int cxms_link_receive(struct cxms_link *l, size_t max, struct cxms_err *err)
{
	bool accepted = true;
	size_t idle = 0; /* connections in a row that had nothing */
	int rc = 0;

	while (!rc && accepted)
		rc = accept_one(l, &accepted, err);
	for (size_t i = 0; i < l->n_conn; i++)
		l->conn[i].is_held = false;
	while (!rc && l->n_conn > 0 && idle < l->n_conn && l->n_packet < max) {
		int got = 0;

		l->next %= l->n_conn;
		l->conn[l->next].is_held = is_ahead(l, &l->conn[l->next]);
		if (!l->conn[l->next].is_held)
			rc = take_packet(l, &l->conn[l->next], &got, err);
		if (rc < 0)
			break;
		if (got < 0) {
			rc = drop_conn(l, l->next, err);
			idle = 0;
			continue;
		}
		idle = got > 0 ? 0 : idle + 1;
		l->next++;
	}
	return rc;
}

void cxms_link_recycle(struct cxms_link *l)
{
	for (size_t i = 0; i < l->n_ended; i++)
		close(l->ended[i]);
	l->n_ended = 0;
	l->n_packet = 0;
}

bool cxms_link_has(const struct cxms_link *l, pid_t pid)
{
	for (size_t i = 0; i < l->n_conn; i++)
		if (l->conn[i].pid == pid)
			return true;
	return false;
}

void cxms_link_close(struct cxms_link *l)
{
	if (!l->is_open)
		return;
	cxms_link_recycle(l);
	for (size_t i = 0; i < l->n_conn; i++)
		close(l->conn[i].fd);
	for (size_t i = 0; i < l->n_room; i++)
		free(l->room[i]);
	if (l->listen_fd >= 0)
		close(l->listen_fd);
	free(l->conn);
	free(l->ended);
	free(l->packet);
	free(l->room);
	*l = (struct cxms_link){.listen_fd = -1};
}
