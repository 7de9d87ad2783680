/*
 * The raw stream of the exact source: what the Valgrind tool writes, and what the window model
 * reads. Freestanding: the tool has no libc.
 *
 * The tool runs caches, prefetchers, TLB and branch predictor. The stream says which blocks of code
 * ran, in their order, and of the memory accesses of a block only those that are not plain hits of
 * the first level: the miss records. The code of a block is sent once, as bytes. It tells which
 * miss depends on which through registers; CXMS_XE_FWD tells it through recent stores.
 *
 * Packets. A stream is a sequence of packets, each of one process image; a fork begins an image,
 * and so does an exec. A packet is a struct cxms_xs_head and then messages, of which none crosses
 * into the next packet. Its first message is a CXMS_XC_THREAD. On its way through the socket a
 * packet is followed, in the same datagram, by the offsets of its control messages: uint16_t each,
 * from the first byte of the packet, in order. They are not part of it.
 *
 * Numbers. Below, "v" is an unsigned number as LEB128 varint, "z" a signed one in zigzag form, "b"
 * a byte, and "s" a text: v length, then the bytes. Multi-byte fields of the head are
 * little-endian. A line is an address / 64, a page an address / 4096.
 *
 * Messages. Each begins with v h.
 *   h != 0: block h >> 2 ran. With h & 1 it was left by a side exit, whose number follows as v;
 *           else by its end. With h & 2 then follow v count of events, and the events.
 *   h == 0: a control message: b type (enum cxms_xs_control), then its body.
 *
 * Events: b kind | flags, v index, then the body of the kind (enum cxms_xs_event). They come in the
 * order of the accesses; what an access causes (prefetch, write-back) follows it. The index is the
 * number of the access in the block, from 0, where the kind says nothing else.
 *
 * Fills. An event that brings a line into the first level (PF: into the level it names) begins a
 * fill; such kinds say "Fill". Fills are numbered in stream order, per thread, from 0. Who waits
 * for one says how far "back" it is: 1 = the last fill that was begun before this event.
 *
 * A line in a body is z (line - the line of the last such body of this thread in this packet, at
 * first 0): no packet needs an earlier one for its lines.
 */
#ifndef CXMS_CORE_XSTREAM_H
#define CXMS_CORE_XSTREAM_H

#include <stdint.h>

#define CXMS_XS_MAGIC	    0x31535843u /* "CXS1" */
#define CXMS_XS_PACKET_MAX  65536u	/* bytes, the head included */
#define CXMS_XS_CONTROL_MIN 3u		/* bytes of a control message at least */
#define CXMS_XS_LINE_SHIFT  6
#define CXMS_XS_PAGE_SHIFT  12

/** struct cxms_xs_head - at the beginning of each packet */
struct cxms_xs_head {
	uint32_t magic; /* CXMS_XS_MAGIC */
	uint32_t bytes; /* of the messages that follow */
	uint32_t pid;
	uint32_t image; /* 0, 1, ...: exec count of this pid */
	uint64_t seq;	/* packets of this image before this one */
	uint64_t insns; /* instructions this image had run, timed or not, when the packet began */
};

/** enum cxms_xs_event - kinds of events, with their bodies. An access of two lines has an event,
 * and a fill, for each (older tools told one). "Older tools" are what recordings of older versions
 * hold
 */
enum cxms_xs_event {
	CXMS_XE_HIT = 0,    /* first-level hit that has flags; no body */
	CXMS_XE_L2 = 1,	    /* missed L1, hit L2; no body. Fill */
	CXMS_XE_LLC = 2,    /* missed L1 and L2, hit the LLC; no body. Fill */
	CXMS_XE_MEM = 3,    /* missed all; line. Fill */
	CXMS_XE_USE = 4,    /* L1 hit on a line that fill v (back) brings; it may be in flight */
	CXMS_XE_L2USE = 5,  /* missed L1, hit in L2 a line that fill v (back) brings. Fill */
	CXMS_XE_LLCUSE = 6, /* missed L1 and L2, hit in the LLC what fill v (back) brings. Fill */
	CXMS_XE_FWD = 7,    /* a load that reads what a recent store wrote: v stores back, 1 = the
			       last store executed before it, in the thread. Other events of the same
			       access may stand beside it */
	CXMS_XE_PF = 8,	    /* prefetch, triggered by this access: b into | from << 4
			       (enum cxms_xs_level), line. Fill */
	CXMS_XE_WB = 9,	    /* a dirty line left the LLC to memory, because of the access or the
			       instruction line with this index; line */
	CXMS_XE_NT = 10,    /* non-temporal store past the caches, the first of those that are put
			       together in one write of the line; line. An access of two lines
			       may have two. (Older tools told each store.) */
	CXMS_XE_MISP = 11,  /* index = exit number (n_exit = the end of the block): the predictor
			       was wrong about it; no body */
	CXMS_XE_IF = 12,    /* index = number of the instruction line in the block: missed L1I; b
			       level that had it (enum cxms_xs_level), and a line if memory */
	CXMS_XE_SKIP = 13,  /* a guarded access that did not happen; no body */
	CXMS_XE_WRONG = 14, /* index = exit number of a mispredicted branch, behind its MISP: the
			       wrong path loaded a line the first level lacked; v instructions
			       behind the branch, b level that had it (enum cxms_xs_level), line.
			       Fill, if the branch took that long */
	CXMS_XE_NEAR = 15,  /* a load of 16 aligned bytes of which a recent store wrote others: v
			       stores back, as FWD, which tells more where both would stand */
	CXMS_XE_PART = 16,  /* in place of FWD: the load reads eight bytes at most, and not all of
			       them are the store's, which has to be in the first level first.
			       (Older tools said FWD.) */
	CXMS_XE_WRONGUSE = 17, /* as WRONG, of a line that the wrong path of an earlier run asked
				  for: v instructions behind the branch, v fills back. It begins
				  here where it has not yet. Once a line and branch. (Older tools
				  did not tell, or told more.) */
	CXMS_XE_KIND_END
};
/* The byte of an event: its kind, and three flags of the access. */
#define CXMS_XE_KIND_MASK 0x1fu
/* PF, WB: because of the WRONG event before it; index = exit number */
#define CXMS_XE_BEHIND 0x20u
#define CXMS_XE_TLB2   0x40u /* missed the first TLB, hit the second */
#define CXMS_XE_WALK   0x80u /* missed both: a page walk */

/** enum cxms_xs_level - the level that had a line, or that a prefetch goes into or comes from */
enum cxms_xs_level { CXMS_XL_L1 = 1, CXMS_XL_L2 = 2, CXMS_XL_LLC = 3, CXMS_XL_MEM = 4 };

/* In place of the address of a RESUME, with its pid: a process that ended, which its parent waited
 * for. */
#define CXMS_XS_PROCESS (UINT64_C(1) << 48)
/* In place of the address of a WAKE_SOME and a RESUME, with its tid: a thread that a system call of
 * another had come back from the kernel. Also of a WAIT or MEET: a thread that spins until another
 * stores; its rounds are not told. */
#define CXMS_XS_THREAD (UINT64_C(1) << 49)
/* In the address of a WAIT, RESUME, WAKE, WAKE_SOME or MEET: a word of this process alone, though
 * one that was forked may have another at the same address. (Older tools did not tell.) */
#define CXMS_XS_PRIVATE (UINT64_C(1) << 50)

/** enum cxms_xs_control - control messages, with their bodies. Where no thread is named, the thread
 * is the one of the last CXMS_XC_THREAD */
enum cxms_xs_control {
	CXMS_XC_HELLO = 1,  /* v version 1, v pid, v parent pid, b 1 = begun by fork: its blocks
			       below v are those of the parent image; s command line words joined by
			       NUL ("" for a fork) */
	CXMS_XC_BLOCK = 2,  /* a block of code, see below */
	CXMS_XC_THREAD = 3, /* v tid: what follows is of this thread */
	CXMS_XC_CLONE = 4,  /* v tid of the new thread; its parent is the current one */
	CXMS_XC_EXIT = 5,   /* v tid ended */
	CXMS_XC_WAIT = 6,   /* v futex address: the thread goes to sleep on it */
	CXMS_XC_RESUME = 7, /* v address: it came back, b 1 = woken, 0 = time-out or would not wait.
			       Without a WAIT: what woke there last is behind it, as the end of a
			       thread that is joined late */
	CXMS_XC_WAKE = 8,  /* v address: wakes all sleepers on it. (Older tools: or some of them) */
	CXMS_XC_TIMED = 9, /* b 1 = block messages follow from here, 0 = they stop (warming);
			      v instructions of the thread so far */
	CXMS_XC_ROI = 10,  /* b 1 = region entered, 0 = left */
	CXMS_XC_PAGE = 11, /* first access to a page, timed or not: v page, b 1 = a store, + 2 = a
			      process that was forked has it for itself from here on: its first
			      store to a private page, or its first access to one that nobody had.
			      (Older tools told no 2.) */
	CXMS_XC_MAP = 12,  /* v address, v bytes, b prot, s path */
	CXMS_XC_UNMAP = 13,   /* v address, v bytes */
	CXMS_XC_ALLOC = 14,   /* v address, v bytes, v address of the caller */
	CXMS_XC_FREE = 15,    /* v address */
	CXMS_XC_SYSCALL = 16, /* v number: the thread enters the kernel */
	CXMS_XC_COUNTS = 17,  /* end of the image: v n, then n totals (enum cxms_xs_count) */
	CXMS_XC_WARN = 18,    /* s text */
	CXMS_XC_LOST = 19, /* code was discarded (unmapped or rewritten): v block; id never reused
			    */
	CXMS_XC_TIME = 20, /* the program asks for simulated time: v token; answered when live */
	CXMS_XC_WAKE_SOME = 21, /* v address, v how many sleepers on it are woken at most, those
				   first that went to sleep first */
	CXMS_XC_MEET = 22,	/* v address: the thread, the last to come to a barrier, goes on
				   behind all who sleep there */
	CXMS_XC_MOVE = 23,	/* v page, v page it is now, v pages: by mremap; no first accesses
				   follow of those that have been accessed */
	CXMS_XC_PIPE = 24,	/* v number of a pipe, the same in all processes, v bytes, b enum
				   cxms_xs_pipe: the call is over. Not of a process that is
				   alone */
	CXMS_XC_FORKED = 25,	/* v pid: the thread forked that process, which begins here, and
				   goes on. (Older tools: where the child's HELLO came.) */
	CXMS_XC_END
};

/** enum cxms_xs_pipe - what a call did with a pipe (CXMS_XC_PIPE) */
enum cxms_xs_pipe { CXMS_XPIPE_MADE = 0, CXMS_XPIPE_WRITTEN = 1, CXMS_XPIPE_READ = 2 };

/* Bits of the byte of a CXMS_XC_PAGE. */
#define CXMS_XP_STORE 1u
#define CXMS_XP_OWN   2u

/*
 * CXMS_XC_BLOCK: v id (1, 2, ... per image), v address of the first instruction,
 *   v instructions, each: z (address - end of the one before), s bytes of the instruction (1..15)
 *   v accesses, each: v instruction index, b kind (enum cxms_xs_access) | log2(size) << 4
 *   v exits, each: v instruction index, v accesses done when it is left there, b kind
 *	(enum cxms_xs_exit)
 *   b kind of the end (enum cxms_xs_exit)
 * A run left by exit e executed the instructions up to and including that of e, and the accesses
 * before the number that e states. The instruction lines of a block: in order, the line of each
 * instruction's first byte, and of its last byte, where it differs from the line before.
 */
/** enum cxms_xs_access - what an access of a block is */
enum cxms_xs_access {
	CXMS_XA_LOAD = 0,
	CXMS_XA_STORE = 1,
	CXMS_XA_PREFETCH = 2,
	CXMS_XA_NT_STORE = 3
};
/** enum cxms_xs_exit - how a block is left */
enum cxms_xs_exit {
	CXMS_XX_JUMP = 0,  /* direct, unconditional, or the next instruction */
	CXMS_XX_COND = 1,  /* side exit of a conditional branch */
	CXMS_XX_OTHER = 2, /* side exit of no branch: end of a rep string, ... */
	CXMS_XX_CALL = 3,  /* direct call */
	CXMS_XX_RET = 4,
	CXMS_XX_INDIRECT = 5, /* computed jump */
	CXMS_XX_ICALL = 6,    /* computed call */
	CXMS_XX_SYSCALL = 7
};

/** enum cxms_xs_count - totals of an image (CXMS_XC_COUNTS), in this order */
enum cxms_xs_count {
	CXMS_XN_INSNS, /* all, timed or not */
	CXMS_XN_LOADS,
	CXMS_XN_STORES,
	CXMS_XN_IFETCH, /* instruction lines looked up */
	CXMS_XN_L1I_MISS,
	CXMS_XN_L1D_LOAD_MISS,
	CXMS_XN_L1D_STORE_MISS,
	CXMS_XN_L2_MISS, /* demand, data and instructions; 0 without an L2 */
	CXMS_XN_LLC_LOAD_MISS,
	CXMS_XN_LLC_STORE_MISS,
	CXMS_XN_LLC_IFETCH_MISS,
	CXMS_XN_WRITEBACK, /* dirty lines to memory */
	CXMS_XN_PREFETCH,  /* lines brought by prefetch */
	CXMS_XN_TLB_MISS,
	CXMS_XN_WALK,
	CXMS_XN_BRANCH,	    /* conditional */
	CXMS_XN_MISPREDICT, /* of any kind */
	CXMS_XN_ROI_ENTRIES,
	CXMS_XN_ROI_EXITS,
	CXMS_XN_TIMED_INSNS,
	CXMS_XN_COUNT
};

#endif
