/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Threads that spin: on a flag, a lock, a barrier of their own. They do not sleep, so the kernel
 * knows nothing of it. But a thread that comes to the same place twice, with the same registers and
 * the same bytes wherever it read or wrote in between, goes round until another changes one of
 * them: that is a wait. It is told as one, its rounds are not, and whose block changes a byte wakes
 * it. See adr/0062-who-spins-waits.md.
 */
#include "ex.h"

#include "pub_tool_vkiscnums.h"

/* A round has at most so many blocks, and words of four bytes that it reads or writes. */
#define ROUND_BLOCKS 16u
#define ROUND_WORDS  48u
#define WORD_BYTES   UINT64_C(4)
/* Blocks between two looks; while there has been one thread only, until the number is over. */
#define LOOK_AFTER 64u

struct word {
	uint64_t address;
	uint32_t value;
};

/* @pauses: it lets others run, by PAUSE or a system call */
struct round {
	unsigned n_block, n_word;
	bool pauses;
	const struct ex_block *block[ROUND_BLOCKS];
	struct word word[ROUND_WORDS];
};

/* General registers with what conditions are made of; vectors; the stack of x87. */
struct registers {
	uint8_t general[offsetof(VexGuestAMD64State, guest_RIP) -
			offsetof(VexGuestAMD64State, guest_RAX)];
	uint8_t vector[offsetof(VexGuestAMD64State, guest_YMM16) -
		       offsetof(VexGuestAMD64State, guest_YMM0)];
	uint8_t x87[64];
};

/**
 * struct ex_spin - what is known of a thread's rounds
 * @head:    where rounds begin; NULL: nobody looks
 * @begun:   rounds since then;  @entered: blocks with accesses since @head
 * @in_call: a system call that leaves the round as it was
 * @before, @at: the round that was complete when @head was reached last, with its words then, and
 *           the registers
 * @now:     the round that is under way
 * @waits:   it goes round @before until a word of it changes;  @woken: one did
 */
struct ex_spin {
	const struct ex_block *head;
	unsigned begun, entered;
	struct round before, now;
	struct registers at;
	bool waits, woken, in_call;
};

/* Threads that wait and have not been woken. */
static struct {
	struct ex_thread **thread; /* room for VG_N_THREADS */
	unsigned n;
	const struct ex_thread *last; /* that ran */
} waiting;

static uint64_t name_of(const struct ex_thread *t)
{
	return CXMS_XS_THREAD | t->number;
}

/* ---- rounds ---- */

static void look_no_more(struct ex_spin *s)
{
	s->head = NULL;
	ex.looks = false;
}

static void clear(struct round *r)
{
	r->n_block = r->n_word = 0;
	r->pauses = false;
}

static bool has_block(const struct round *r, const struct ex_block *b)
{
	for (unsigned i = 0; i < r->n_block; i++)
		if (r->block[i] == b)
			return true;
	return false;
}

static bool has_word(const struct round *r, uint64_t address)
{
	for (unsigned i = 0; i < r->n_word; i++)
		if (r->word[i].address == address)
			return true;
	return false;
}

/* Return: whether there is room. */
static bool add_word(struct round *r, uint64_t address)
{
	if (has_word(r, address))
		return true;
	if (r->n_word == ROUND_WORDS)
		return false;
	r->word[r->n_word++].address = address;
	return true;
}

static bool add_block(struct round *r, const struct ex_block *b, unsigned left)
{
	const uint64_t *address = ex.slot + EX_SLOT_ADDRESS;

	if (!has_block(r, b)) {
		if (r->n_block == ROUND_BLOCKS)
			return false;
		r->block[r->n_block++] = b;
		r->pauses |= b->pauses;
	}
	for (unsigned i = 0; i < b->part[left].accesses; i++) {
		uint64_t last = address[i] + b->access[i].last;

		if (b->access[i].kind == CXMS_XA_PREFETCH || (b->access[i].guarded && !address[i]))
			continue;
		for (uint64_t at = address[i] & ~(WORD_BYTES - 1); at <= last; at += WORD_BYTES)
			if (!add_word(r, at))
				return false;
	}
	return true;
}

void ex_spin_ran(const struct ex_block *b, unsigned left)
{
	struct ex_spin *s = ex.thread->spin;

	if (!add_block(&s->now, b, left))
		look_no_more(s);
}

/* An aligned word lies within a page, which the program has just accessed. */
static uint32_t read_word(const struct word *w)
{
	return *(const volatile uint32_t *)(Addr)w->address;
}

static bool is_changed(const struct round *r)
{
	for (unsigned i = 0; i < r->n_word; i++)
		if (read_word(&r->word[i]) != r->word[i].value)
			return true;
	return false;
}

static void read_registers(const char *guest, struct registers *out)
{
	const VexGuestAMD64State *state = (const VexGuestAMD64State *)guest;

	VG_(memcpy)(out->general, &state->guest_RAX, sizeof(out->general));
	VG_(memcpy)(out->vector, &state->guest_YMM0, sizeof(out->vector));
	VG_(memcpy)(out->x87, state->guest_FPREG, sizeof(out->x87));
}

/* Whether the round that is complete is the one before once more: then so is the next. Loops that
 * let others run may count how often. */
static bool is_same(const struct ex_spin *s, const struct registers *at)
{
	for (unsigned i = 0; i < s->now.n_word; i++)
		if (!has_word(&s->before, s->now.word[i].address))
			return false;
	return s->now.n_word > 0 && !is_changed(&s->before) &&
	       (s->now.pauses || VG_(memcmp)(at, &s->at, sizeof(*at)) == 0);
}

/* ---- who waits ---- */

static void drop(const struct ex_thread *t)
{
	for (unsigned i = 0; i < waiting.n; i++)
		if (waiting.thread[i] == t)
			waiting.thread[i] = waiting.thread[--waiting.n];
}

static void begin_wait(struct ex_thread *t)
{
	if (!waiting.thread)
		waiting.thread = VG_(calloc)("cxms.spins", VG_N_THREADS, sizeof(*waiting.thread));
	look_no_more(t->spin);
	t->spin->waits = ex.spins = true;
	waiting.thread[waiting.n++] = t;
	ex_control(CXMS_XC_WAIT, 16);
	ex_varint(name_of(t));
	ex_turn_over();
}

/* @t, which has the turn, goes on. */
static void end_wait(struct ex_thread *t)
{
	ex_control(CXMS_XC_RESUME, 16);
	ex_varint(name_of(t));
	ex_byte(t->spin->woken);
	drop(t);
	t->spin->waits = t->spin->woken = ex.spins = false;
}

/*
 * The thread that runs changed what @t waits for. Was its last locked operation on the same word as
 * that of @t, and later, and is it not that word that @t waits for? Then it has counted on from
 * where @t had come: it is the last at a barrier.
 */
static void wake(struct ex_thread *t)
{
	bool is_last = t->locked && t->locked == ex.thread->locked &&
		       t->locked_at < ex.thread->locked_at &&
		       !has_word(&t->spin->before, t->locked & ~(WORD_BYTES - 1));

	if (is_last) {
		ex_control(CXMS_XC_MEET, 16);
		ex_varint(name_of(t));
	}
	ex_control(CXMS_XC_WAKE_SOME, 32);
	ex_varint(name_of(t));
	ex_varint(1);
	t->spin->woken = true;
}

static void wake_all(void)
{
	unsigned before = waiting.n;

	for (unsigned i = before; i-- > 0;) {
		struct ex_thread *t = waiting.thread[i];

		if (t == ex.thread || !is_changed(&t->spin->before))
			continue;
		wake(t);
		drop(t);
	}
	if (waiting.n < before)
		ex_turn_over();
}

/* ---- looks ---- */

static void look(struct ex_spin *s, const struct ex_block *b, const char *guest)
{
	struct registers at;

	if (!s->head) {
		s->head = b;
		s->begun = s->entered = 0;
		clear(&s->now);
		ex.looks = true;
		return;
	}
	if (b != s->head) {
		s->entered += b->n_access > 0;
		if (s->entered >= ROUND_BLOCKS)
			look_no_more(s);
		return;
	}
	s->entered = 0;
	read_registers(guest, &at);
	if (++s->begun > 1 && is_same(s, &at)) {
		begin_wait(ex.thread);
		return;
	}
	if (s->begun > 2) {
		look_no_more(s);
		return;
	}
	s->before = s->now;
	for (unsigned i = 0; i < s->before.n_word; i++)
		s->before.word[i].value = read_word(&s->before.word[i]);
	s->at = at;
	clear(&s->now);
}

void ex_spin_enter(const struct ex_block *b, const char *guest)
{
	struct ex_thread *t = ex.thread;

	ex.calm = LOOK_AFTER;
	if (ex.n_thread < 2) {
		ex.calm = UINT32_MAX;
		return;
	}
	if (!t->spin)
		t->spin = VG_(calloc)("cxms.spin", 1, sizeof(*t->spin));
	if (waiting.n)
		wake_all();
	if (!t->spin->waits)
		look(t->spin, b, guest);
	else if (t->spin->woken || !has_block(&t->spin->before, b))
		end_wait(t);
	else
		ex_turn_over();
	if (waiting.n || ex.looks)
		ex.calm = 1;
}

void ex_spin_start(void)
{
	struct ex_spin *s = ex.thread->spin;

	if (s && waiting.last != ex.thread && !s->in_call)
		s->head = NULL;
	if (s)
		s->in_call = false;
	waiting.last = ex.thread;
	if (s && s->waits && s->woken)
		end_wait(ex.thread);
	ex.looks = s && s->head;
	ex.spins = s && s->waits;
	ex.calm = 1;
}

/* Calls that only let others run leave a round as it was. */
void ex_spin_call(UInt number)
{
	struct ex_spin *s = ex.thread->spin;

	if (!s)
		return;
	if (number == __NR_sched_yield || number == __NR_nanosleep ||
	    number == __NR_clock_nanosleep) {
		s->in_call = s->now.pauses = true;
		return;
	}
	if (s->waits)
		end_wait(ex.thread);
	look_no_more(s);
}

static bool reaches_into(const struct round *r, uint64_t first, uint64_t bytes)
{
	for (unsigned i = 0; i < r->n_word; i++)
		if (r->word[i].address - first < bytes)
			return true;
	return false;
}

void ex_spin_signalled(struct ex_thread *t)
{
	if (!t->spin || !t->spin->waits || t->spin->woken)
		return;
	wake(t);
	drop(t);
}

/* Nobody reads words there that were seen before. */
void ex_spin_forget(uint64_t first, uint64_t bytes)
{
	for (unsigned i = 0; i < VG_N_THREADS; i++) {
		struct ex_spin *s = ex.thread_of[i] ? ex.thread_of[i]->spin : NULL;

		if (!s || (!reaches_into(&s->before, first, bytes) &&
			   !reaches_into(&s->now, first, bytes)))
			continue;
		s->head = NULL;
		clear(&s->before);
	}
	ex.looks = ex.thread->spin && ex.thread->spin->head;
}

void ex_spin_end(struct ex_thread *t)
{
	drop(t);
	VG_(free)(t->spin);
	t->spin = NULL;
}

void ex_spin_forked(void)
{
	waiting.n = 0;
	waiting.last = NULL;
}
