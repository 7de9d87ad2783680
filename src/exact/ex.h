/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The exact source's Valgrind tool, which links Valgrind's core. It writes the raw stream that
 * core/xstream.h defines.
 *
 *   ex_main.c        options, start and end
 *   ex_instrument.c  translation: what generated code notes
 *   ex_block.c       blocks: what a block looks like, and which there are
 *   ex_decode.c      the few facts about instruction bytes that VEX does not keep
 *   ex_run.c         run time: a block that ran is accounted for
 *   ex_access.c      accesses that are not plain hits, through TLB, caches and prefetchers
 *   ex_store.c       what recent stores wrote; non-temporal stores
 *   ex_misp.c        mispredicted branches: what they wait for
 *   ex_wrong.c       the path behind a mispredicted branch; ex_wrong_read.c,
 *                    ex_wrong_decode.c and ex_wrong_steps.c say what its instructions do,
 *                    ex_wrong_stretch.c keeps that, ex_wrong_memory.c is what it loads and stores
 *   ex_out.c         packets
 *   ex_roi.c         regions of interest, sampling, client requests
 *   ex_pages.c       pages: seen so far, their frames
 *   ex_sys.c         threads, futexes, fork and exec
 *   ex_map.c         the address space
 *   ex_pipe.c        pipes between processes, and what is told before a sleep
 *   ex_turn.c        whose turn it is, of several threads
 *   ex_alloc.c       calls of malloc and its kin
 *   ex_join.c        threads that had ended before they were joined
 *   ex_woken.c       threads that a system call of another woke
 *   ex_exec.c        programs that execute themselves
 *   ex_cpuid.c       what CPUID tells the program
 *   ex_spin.c        threads that spin until another stores
 */
#ifndef CXMS_EXACT_EX_H
#define CXMS_EXACT_EX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/bpred.h"
#include "core/hier.h"
#include "core/recorder_assumed.h"
#include "core/tlb.h"
#include "core/xstream.h"

#include "pub_tool_basics.h"
/* after basics */
#include "pub_tool_libcbase.h"
#include "pub_tool_libcprint.h"
#include "pub_tool_mallocfree.h"
#include "pub_tool_threadstate.h"
#include "pub_tool_tooliface.h"

#include "libvex_guest_amd64.h"

#define EX_LIKELY(x)   __builtin_expect(!!(x), 1)
#define EX_UNLIKELY(x) __builtin_expect(!!(x), 0)
#define ALWAYS_INLINE  static inline __attribute__((always_inline))
#define NEVER_INLINE   static __attribute__((noinline))

/* Generated code writes into slots of eight bytes, which are the two shadow copies of the guest
 * state: tools own them, and this one has no other use for them. Slot 0 says how far the block
 * came, the others hold the addresses of its accesses, in order. */
#define EX_SLOTS_OFFSET	 ((Int)sizeof(VexGuestAMD64State))
#define EX_SLOT_PROGRESS 0u
#define EX_SLOT_ADDRESS	 1u
/* What slot 0 holds: e, the block is at its side exit e; the number of side exits, it is at its
 * end; EX_PASSED + e, it went past side exit e; EX_BEGUN, it came to none of these yet. */
#define EX_PASSED 0x10000u
#define EX_BEGUN  0x20000u
/* A block that has so many accesses is cut in two before the next instruction. */
#define EX_BLOCK_ACCESSES 128u
#define EX_MAX_ACCESSES	  224u /* and those of one more instruction */

/* As struct ex_access's @ignore: no tag passes, so the access never takes the fast path. */
#define EX_IGNORE_ALL UINT64_MAX

struct ex_insn {
	uint64_t addr;
	uint8_t len, bytes[15];
};

/**
 * struct ex_access - an access of a block
 * @ignore:  flags of a tag that need not be set for the fast path: CXMS_TAG_DIRTY for loads, none
 *           for stores, since these take it only if the line is dirty already; EX_IGNORE_ALL for
 *           an access that never takes it
 * @insn:    number of its instruction in the block
 * @last:    its bytes - 1
 * @guarded: it happens only under a condition, and its address is 0 if it does not
 */
struct ex_access {
	uint64_t ignore;
	uint16_t insn, last;
	uint8_t kind, log2_bytes;
	bool guarded;
};

/**
 * struct ex_part - what has been done when a block is left by a side exit, or (the one past the
 * last) by its end
 * @runs:       how often, since it was added to the totals
 * @message:    that this happened, as the stream has it, without events; @message_bytes long; made
 *              when the block is sent
 * @fetched:    the l1i_state in which all its lines were the most recent ones; 0: none yet
 * @hash:       of the branch, cxms_bpred_hash()
 * @kind:       enum cxms_xs_exit
 * @is_inverse: the side exit is the branch not taken
 * @turns:      it is the end, and more than a jump to a fixed address
 * @barren:     long walks behind its branch that brought nothing, in a row (ex_wrong.c)
 */
struct ex_part {
	uint64_t runs, message, fetched;
	uint32_t hash;
	uint16_t insns, accesses, lines, loads, stores, branches;
	uint8_t kind, message_bytes, barren;
	bool is_inverse, turns;
};

enum ex_mark {
	EX_MARK_NONE = 0,
	EX_MARK_BEGIN = 1,
	EX_MARK_END = 2,
	EX_MARK_COLD = 4,
	EX_MARK_ALLOC = 8,
	EX_MARK_JOIN = 16
};

/* An instruction line: its tag and the first slot of its set in the L1I. */
struct ex_line {
	uint64_t tag, slot;
};

/**
 * struct ex_block - a straight piece of code, entered at the top
 * @addr:    where one jumps to get there; the code lies elsewhere if Valgrind redirects
 * @id:      its number in the stream; 0 = not sent yet
 * @mark:    enum ex_mark: its first instruction is the entry of a function of interest
 * @fences:  it has a fence or a locked operation, which ends what non-temporal stores left open
 * @pauses:  it has a PAUSE, as loops have that wait for others
 * @sibling: the next block of the same translation, or the next prefix made of it by a fault
 */
struct ex_block {
	uint64_t addr;
	uint32_t id;
	uint16_t n_insn, n_access, n_exit, n_line;
	uint8_t mark, alloc;
	bool fences, pauses;
	struct ex_access *access;
	struct ex_part *part; /* n_exit + 1 */
	struct ex_line *line;
	struct ex_insn *insn;
	void *body; /* holds the four arrays */
	struct ex_block *sibling;
};

/* The last store to an aligned piece of 8 bytes, both truncated to 32 bits. */
struct ex_granule {
	uint32_t granule, store;
};
#define EX_GRANULES 2048u
/* A recent store: the bytes from @address to @address + @last; @insn: instructions run before. */
struct ex_store {
	uint64_t insn, address;
	uint32_t last;
};

/**
 * struct ex_nt_line - a line that non-temporal stores are filling
 * @bytes: a bit for each that they wrote, 0: there is no such line;  @used: by the thread's clock
 */
struct ex_nt_line {
	uint64_t line, bytes, used;
};
#define EX_FORWARD_BACK 128u /* stores */
/* Aligned pieces of 16 bytes that are told apart by whether any was stored to recently. */
#define EX_RECENT 1024u

/* A page of 4 KiB that was touched, and its entry in the TLB's first level as far as it is known.
 */
struct ex_front {
	uint64_t page;
	uint32_t at;
};
#define EX_FRONT 64u

/* @front: see ex_front_at() */
struct ex_core {
	struct cxms_tlb tlb;
	struct ex_front front[EX_FRONT];
	struct cxms_bpred bpred;
};

/* Where in front a page is, if at all: the digits of its number to the base EX_FRONT count alike,
 * since arrays that are used in turn often lie a power of two apart. */
static inline uint64_t ex_front_at(uint64_t page)
{
	return (page ^ page / EX_FRONT ^ page / (EX_FRONT * EX_FRONT)) % EX_FRONT;
}

/**
 * struct ex_call - a call of an allocator
 * @returns_to: 0: there is none;  @sp: stack pointer at its entry;  @old: its first argument
 */
struct ex_call {
	uint64_t returns_to, sp, bytes, old;
	uint8_t kind;
};

/**
 * struct ex_level - what an access needs of the first level to see that it hits
 * @in_sets: the first slot of an address's set is address >> @down & @in_sets; 0: the number of
 * sets is no power of two, or one
 * @tag, @mark, @owner: of slot 0;  @recent: the most recent way of set 0
 */
struct ex_level {
	uint64_t in_sets;
	uint64_t *tag;
	const struct cxms_cache_mark *mark;
	const uint16_t *owner;
	const uint8_t *recent;
	uint8_t down;
};

/**
 * struct ex_wrong_fill - a line that a wrong path asked for
 * @fill: its number
 * @walk: the last walk that told of it; 0 = it is known to have begun
 */
struct ex_wrong_fill {
	uint32_t fill, walk;
};

/**
 * struct ex_thread - a thread of the program
 * @number:  1, 2, ... in order of creation: its name in the stream
 * @insns, @fills, @stores: so far; fills and stores only while timed
 * @floor:   fills before this one belong to the past
 * @line:    of its last line body, if that was in packet number @line_packet
 * @clear:   address that the kernel clears and wakes at its exit, or 0
 * @robust:  address of the head of its list of robust futexes, or 0
 * @handle:  its thread pointer, which pthread_t is, or 0
 * @locked:  address of its last locked operation;  @locked_at: how many there had been by then
 * @spin:    see ex_spin.c, or NULL
 * @walks:   of wrong paths so far;  @wrong_fill: those that they asked for, by the last bits of
 *           their number
 * @fills_before: the last walks, by the last bits of @walks
 * @near_fill: numbers of fills that nobody waits for longer than for the second level, plus one, by
 *           their last bits
 * @recent:  the last store to any aligned 16 bytes whose number is this, to the base EX_RECENT
 */
#define EX_RECENT_FILLS 256u
struct ex_thread {
	uint32_t number, core_number;
	uint64_t insns, fills, floor;
	uint32_t stores;
	struct ex_core *core;
	struct cxms_hier_core *caches;
	struct ex_level l1d;
	uint64_t line, line_packet;
	uint64_t clear, handle, waits_on, robust;
	uint64_t locked, locked_at;
	struct ex_spin *spin;
	struct ex_call call;
	struct ex_nt_line nt[CXMS_ASSUMED_NT_OPEN];
	uint64_t nt_clock;
	struct ex_store store[EX_FORWARD_BACK];
	uint32_t recent[EX_RECENT];
	struct ex_granule granule[EX_GRANULES];
	uint32_t walks;
	struct ex_wrong_fill wrong_fill[EX_RECENT_FILLS];
	uint32_t near_fill[EX_RECENT_FILLS];
	uint64_t fills_before[CXMS_ASSUMED_ARRIVED];
};

/* @value: line, or how far back;  @head: its kind and, from EX_EVENT_INDEX on, its index, as they
 * are sent if the index is small;  @byte: of its body;  @behind: WRONG: instructions */
struct ex_event {
	uint64_t value;
	uint32_t head;
	uint16_t behind;
	uint8_t byte;
};
#define EX_EVENT_INDEX 8
/* A message of this many events fits in a packet: 17 bytes each at most. What accesses cause finds
 * room up to a limit; behind it there is room for the events of the accesses and exits themselves.
 */
#define EX_EVENTS	3800u
#define EX_EVENTS_LIMIT (EX_EVENTS - 6 * EX_BLOCK_ACCESSES)

struct ex_options {
	const HChar *out, *roi_begin, *roi_end, *cold_at;
	struct cxms_hier_cfg hier;
	struct cxms_tlb_cfg tlb;
	bool has_tlb, has_frames, has_wrong_path, stats, alloc;
	uint64_t sample_detail, sample_period; /* instructions; period 0: no sampling */
	uint32_t image;
};

/**
 * struct ex_state - everything else
 * @pending: the block that was entered last and has not been accounted for
 * @slot:    where generated code notes, for the thread that runs
 * @in_region, @in_sample: timed = both
 * @samples: instructions count towards the next change of in_sample
 * @looks: what the thread does is noted, to see whether it spins;  @spins: it does, and is not told
 * @how: these, and whether it is timed, at once: EX_JUST_TIMED but seldom not
 * @calm: blocks until the next look
 */
struct ex_state {
	struct ex_block *pending;
	uint64_t *slot;
	struct ex_thread *thread;
	union {
		struct {
			bool timed, samples, looks, spins;
		};
		uint32_t how;
	};
	bool in_region, in_sample, had_region;
	uint32_t calm;
	uint64_t sample_left;
	unsigned n_event;
	struct ex_event event[EX_EVENTS];
	struct cxms_hier hier;
	struct ex_core *core;
	struct ex_thread **thread_of; /* by Valgrind's thread number */
	uint32_t n_thread, next_block;
	uint64_t count[CXMS_XN_COUNT]; /* without what the blocks have yet to add */
	uint64_t timed_from;	       /* instructions when timing began last */
	struct ex_options opt;
	uint32_t pid;
};
extern struct ex_state ex;
#define EX_JUST_TIMED 1u /* little-endian: only the first of them */

/* ex_instrument.c */
void ex_instrument_init(void);
IRSB *ex_instrument(VgCallbackClosure *closure, IRSB *in, const VexGuestLayout *layout,
		    const VexGuestExtents *extents, const VexArchInfo *arch, IRType guest_word,
		    IRType host_word);

/* ex_block.c */
/**
 * struct ex_pieces - what a block is made of
 * @insn, @access, @part: [n_insn], [n_access], [n_exit]
 * @end_kind: enum cxms_xs_exit, how its end is left
 */
struct ex_pieces {
	const struct ex_insn *insn;
	const struct ex_access *access;
	const struct ex_part *part;
	unsigned n_insn, n_access, n_exit;
	uint8_t end_kind;
};
void ex_block_init(void);
/** ex_block_fill() - copies @of into @b, and works out the rest of its parts and its lines. */
void ex_block_fill(struct ex_block *b, const struct ex_pieces *of);
/** ex_block_prefix() - the first @n_insn instructions of @b as a block, made once. */
struct ex_block *ex_block_prefix(struct ex_block *b, unsigned n_insn);
/** ex_block_remember() - @blocks, by sibling, are those of the translation of @addr. */
void ex_block_remember(uint64_t addr, struct ex_block *blocks);
/** ex_discard() - the translation of @addr is no more: its blocks are freed, and told lost. */
void ex_discard(Addr addr, VexGuestExtents extents);
/** ex_count_blocks() - adds to the totals what blocks that ran have counted. */
void ex_count_blocks(void);

/* ex_decode.c */
enum ex_what {
	EX_WHAT_OTHER,
	EX_WHAT_BRANCH,
	EX_WHAT_PREFETCH,
	EX_WHAT_NT_STORE,
	EX_WHAT_GATHER,
	EX_WHAT_BIT, /* of a register, by a register */
	EX_WHAT_FLUSH
};
/**
 * struct ex_operand - a memory operand
 * @base, @index: register numbers, or -1;  @ip_relative: relative to the end of the instruction
 */
struct ex_operand {
	int base, index;
	unsigned scale_shift;
	int32_t displacement;
	bool ip_relative, is_32bit, is_fs, is_gs;
};
enum ex_what ex_decode(const uint8_t *bytes, unsigned len, struct ex_operand *operand);

/* ex_run.c */
VG_REGPARM(2) void ex_enter(char *guest, struct ex_block *b);
/** ex_settle() - accounts for the pending block; @next: where the thread goes on. */
void ex_settle(uint64_t next);
struct ex_thread *ex_thread_new(void);
void ex_run_init(void);
/** ex_run_cold() - empties caches and TLB, forgets what predictor and prefetchers learnt. */
void ex_run_cold(void);
/** ex_run_forget() - pages were unmapped: the next access of any page is a first one. */
void ex_run_forget(void);

/* ex_misp.c */
/**
 * ex_wrong_load() - a load behind the mispredicted branch of exit @branch, @insns instructions on
 * Return: where the line was; it is in the first level now. One that is still on its way, as the
 * branch waits for it, counts as in memory.
 */
enum cxms_hier_level ex_wrong_load(struct ex_thread *t, uint64_t address, uint64_t pc,
				   unsigned branch, unsigned insns, bool timed);

/* ex_wrong.c */
/**
 * ex_wrong_path() - walks the path that the predictor chose in vain
 * @guest: registers as the branch left them;  @exit: of the branch of @b
 * @to: where it led
 * @awaited: a bit for each access of @b that the branch probably waits for, as for a miss, so the
 *           walk may be long; NULL: there is none
 */
void ex_wrong_path(struct ex_thread *t, const char *guest, struct ex_block *b, unsigned exit,
		   uint64_t to, const uint64_t *awaited, bool timed);
/** ex_wrong_forget() - code was unmapped or rewritten: what was decoded of it is void. */
void ex_wrong_forget(void);

/* ex_out.c */
void ex_out_open(uint32_t image, bool is_fork);
void ex_out_close(void);
/** ex_out_is_unread() - who listened at the socket has gone. */
bool ex_out_is_unread(void);
/** ex_out_before_fork() - sends what is told, so that a child does not tell it again. */
void ex_out_before_fork(void);
/**
 * ex_out_after_fork() - in the parent: waits until the child has told of itself, or ended
 *
 * The child may get a CPU late. Who reads the packets knows of it before the parent goes on, and
 * does not read others far ahead of it.
 */
void ex_out_after_fork(void);
void ex_out_flush(void);
/** ex_out_goes_on() - the totals that were sent are not the last: the exec that they were for
 * failed
 */
void ex_out_goes_on(void);
/** ex_begin() - room for a message of up to @bytes, under the name of the current thread. */
void ex_begin(unsigned bytes);
void ex_control(uint8_t type, unsigned bytes);
void ex_byte(uint8_t value);
void ex_varint(uint64_t value);
void ex_zigzag(int64_t value);
void ex_string(const HChar *s, unsigned len);
void ex_send_block(struct ex_block *b);
/** ex_send_run() - @b was left by the exit of its part @p, with the events of ex.event. */
void ex_send_run(struct ex_block *b, const struct ex_part *p);
void ex_warn(const HChar *format, ...) PRINTF_CHECK(1, 2);
/** ex_system_call() - Return: as the kernel's, -errno for errors. */
long ex_system_call(long number, long a, long b, long c, long d);
/** ex_answer() - asks the reader for simulated time; 0 if nobody answers. */
uint64_t ex_answer(uint64_t token);

/* ex_roi.c */
void ex_roi_init(void);
uint8_t ex_roi_mark(Addr addr);
void ex_roi_enter(uint8_t mark);
void ex_sample_next(void);
void ex_time_restart(void);
Bool ex_request(ThreadId tid, UWord *args, UWord *ret);
void ex_roi_report(void);

/* ex_pages.c */
void ex_page_touch(uint64_t page, bool is_store);
bool ex_page_known(uint64_t page);
/** ex_page_index() - the physical line that caches are indexed by. */
uint64_t ex_page_index(uint64_t line);
void ex_page_forget(uint64_t first, uint64_t last);
/** ex_page_move() - pages [first, last] are those from @to on, too, as far as accesses go. */
void ex_page_move(uint64_t first, uint64_t last, uint64_t to);
/** ex_page_share(), ex_page_unshare() - forked processes share [first, last]; no more. */
void ex_page_share(uint64_t first, uint64_t last);
void ex_page_unshare(uint64_t first, uint64_t last);
/** ex_page_forked() - this is a process that was forked: its stores make private pages its own. */
void ex_page_forked(void);

/* ex_sys.c */
void ex_sys_init(void);
void ex_sys_end(void);

/* ex_map.c */
void ex_map_startup(Addr addr, SizeT bytes, Bool rr, Bool ww, Bool xx, ULong handle);
/** ex_map_enter() - the running thread begins a system call. */
void ex_map_enter(UInt number, const UWord *args);
/** ex_map_leave() - that call succeeded, with @value. */
void ex_map_leave(UInt number, const UWord *args, uint64_t value);
/** ex_map_refused() - that call failed: is it for Valgrind's address space, which is smaller? */
void ex_map_refused(UInt number, const UWord *args);

/* ex_pipe.c */
/** ex_pipe_made() - @fd: the end that is read */
void ex_pipe_made(UWord fd);
/** ex_pipe_used() - @bytes were written to @fd or read from it, which need not be a pipe. */
void ex_pipe_used(UWord fd, uint64_t bytes, enum cxms_xs_pipe what);
/** ex_pipe_company() - the process is about to fork: what it made is told. */
void ex_pipe_company(void);
/** ex_pipe_forked() - the process forked @pid; 0: it is that child */
void ex_pipe_forked(uint64_t pid);
/** ex_pipe_sleeps() - a system call begins, and what it tells is told: if the process may sleep in
 * it while others run, its packet is sent. */
void ex_pipe_sleeps(UInt number, const UWord *args);

/* ex_turn.c */
void ex_turn_create(ThreadId parent, ThreadId child);
void ex_turn_end(ThreadId tid);
/** ex_turn_call() - @tid begins a system call; @wakes: who comes before it is over, it woke. */
void ex_turn_call(ThreadId tid, bool wakes);
/** ex_turn_thread() - the thread of the kernel's number @lwp, or VG_INVALID_THREADID */
ThreadId ex_turn_thread(int lwp);
/** ex_turn_signalled() - the thread of the kernel's number @lwp, if it is in the kernel: woken, and
 * told. Return: VG_INVALID_THREADID: none */
ThreadId ex_turn_signalled(int lwp);
/** ex_turn_wakes() - @to came during the call of @tid that is over, which is told only once. */
bool ex_turn_wakes(ThreadId tid, ThreadId to);
/** ex_turn_was_woken() - the call of @tid that is over ended by another's, which was told. */
bool ex_turn_was_woken(ThreadId tid);
/** ex_turn_locked() - the thread that has the turn runs a locked instruction on @address. */
void ex_turn_locked(uint64_t address);
/** ex_turn_over() - the turn ends with the block that runs. */
void ex_turn_over(void);

/* ex_main.c */
void ex_number_images(void);
/** ex_log_nowhere() - images that are exec'd: the folder of the log is gone with its reader, or is
 * another user's. */
void ex_log_nowhere(void);

/* ex_alloc.c */
void ex_alloc_forget(void);
void ex_alloc_match(const HChar *symbol, Addr addr);
uint8_t ex_alloc_kind(Addr addr);
void ex_alloc_enter(const struct ex_block *b, const char *guest);
void ex_alloc_return(const char *guest);

/* ex_join.c */
void ex_join_forget(void);
void ex_join_match(const HChar *symbol, Addr addr);
bool ex_join_is(Addr addr);
/** ex_join_enter() - the running thread is at the entry of a function that joins another. */
void ex_join_enter(void);
/** ex_join_begun(), ex_join_ended() - the thread @t, which has its address to clear and its handle.
 */
void ex_join_begun(const struct ex_thread *t);
void ex_join_ended(const struct ex_thread *t);

/* ex_spin.c */
/** ex_spin_enter() - @b is entered, and ex.calm is 0;  @guest: the registers then */
void ex_spin_enter(const struct ex_block *b, const char *guest);
/** ex_spin_ran() - while ex.looks: @b ran and was left by its exit @left */
void ex_spin_ran(const struct ex_block *b, unsigned left);
/** ex_spin_start() - the turn of the running thread begins. */
void ex_spin_start(void);
/** ex_spin_call() - the running thread begins a system call. */
void ex_spin_call(UInt number);
/** ex_spin_forget() - memory from @first on is about to be unmapped or protected. */
void ex_spin_forget(uint64_t first, uint64_t bytes);
/** ex_spin_signalled() - the running thread sends a signal to @t. */
void ex_spin_signalled(struct ex_thread *t);
/** ex_spin_end() - @t is about to be no more. */
void ex_spin_end(struct ex_thread *t);
/** ex_spin_forked() - in the child, which has one thread. */
void ex_spin_forked(void);

/* ex_woken.c */
void ex_woken_enter(ThreadId tid, UInt number, const UWord *args);
/** ex_woken_leave() - @result: as the kernel's, -errno for errors */
void ex_woken_leave(ThreadId tid, UInt number, long result);

#endif
