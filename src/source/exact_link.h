/* Where the processes under the exact tool connect, and the packets they send. */
#ifndef CXMS_SOURCE_EXACT_LINK_H
#define CXMS_SOURCE_EXACT_LINK_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/xstream.h"

struct cxms_err;

/* A packet, and the offsets of its control messages behind it. */
#define CXMS_LINK_BYTES (CXMS_XS_PACKET_MAX + CXMS_XS_PACKET_MAX / CXMS_XS_CONTROL_MIN * 2u)

/** struct cxms_link_packet - borrowed until cxms_link_recycle() */
struct cxms_link_packet {
	uint8_t *data;
	uint32_t len;	    /* as long as its head says */
	uint32_t n_control; /* uint16_t each, behind the packet */
	int fd;		    /* where an answer goes */
};

/* Instructions by which the packets that were read of a process may be ahead of those of one that
 * runs: processes that run side by side are replayed side by side, from what is kept of each. Far
 * less is too little, as a packet may tell of some 10^5. */
#define CXMS_ASSUMED_LINK_AHEAD_INSNS 1000000u

struct cxms_link_conn {
	int fd;
	pid_t pid;	/* who connected */
	bool is_begun;	/* a packet came */
	bool is_held;	/* what it sent is not read before others come up with it */
	uint64_t insns; /* of the last packet's head */
	uint64_t at;	/* instructions on an axis of all processes: who slept is moved up */
};

/** struct cxms_link - a listening socket and one connection per process image; zero to begin */
struct cxms_link {
	bool is_open;
	int listen_fd;
	char name[64];		       /* abstract name, without its leading NUL */
	struct cxms_link_conn *conn;   /* in order of arrival */
	size_t n_conn, cap_conn, next; /* next: whose turn it is */
	size_t n_accepted;
	int *ended; /* descriptors of connections that ended: closed when their packets are used */
	size_t n_ended, cap_ended;
	struct cxms_link_packet *packet; /* received, in order of arrival */
	size_t n_packet, cap_packet;
	uint8_t **room; /* of CXMS_LINK_BYTES each; the first n_packet are in use */
	size_t n_room, cap_room;
};

/** cxms_link_open() - listen under a name nobody has; 0 or -errno */
int cxms_link_open(struct cxms_link *l, struct cxms_err *err);
/** descriptors to wait on: 1 + n_conn of them into @fds, which has room; -1 for who is held */
void cxms_link_poll(const struct cxms_link *l, struct pollfd *fds);
/**
 * cxms_link_receive() - accept who waits, and take what was sent; never blocks
 * @max: packets after which to stop; a few more come when a process connects: all that was sent
 *       before is taken first, since a forked process refers to the packets of its parent
 * Nobody is read CXMS_ASSUMED_LINK_AHEAD_INSNS ahead of a process that runs; one that sleeps, and
 * has sent nothing, is not waited for: it may sleep until the other goes on.
 * Return: 0, -EBADMSG (what came is no packet), -ENOMEM, -errno of a system call
 */
int cxms_link_receive(struct cxms_link *l, size_t max, struct cxms_err *err);
/** cxms_link_drain() - everything that lies in the sockets now, however much; as above */
int cxms_link_drain(struct cxms_link *l, struct cxms_err *err);
/** the packets are used */
void cxms_link_recycle(struct cxms_link *l);
/** somebody is held: whether others still run is to be looked at again soon, by receiving */
bool cxms_link_holds(const struct cxms_link *l);
/** @pid still has a connection */
bool cxms_link_has(const struct cxms_link *l, pid_t pid);
void cxms_link_close(struct cxms_link *l);

#endif
