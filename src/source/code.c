/*
 * Which instruction an instruction pointer was waiting for.
 * Predecessors are found by voting: x86 decoding from almost any offset falls into step within a
 * few instructions, so of the chains that start in the bytes before ip and hit ip exactly, most
 * have the true predecessor. Chunks are swept linearly once, to learn the direct branches to each
 * address.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "source/code_priv.h"

/* Tells the sites of instructions themselves from those of sampled ones: no user address has it. */
#define OWN_KEY	     (1ull << 62)
#define CHUNK_BYTES  1024u
#define VOTE_BYTES   96u /* start offsets that vote; >= 6 instructions of the longest kind */
#define SOURCES_MAX  16u /* branches remembered per target */
#define LOADED_INSNS 32u /* looked back for a load of what a store writes */
#define CHUNKS_AHEAD (CXMS_LOOP_BYTES / CHUNK_BYTES)

struct chunk {
	uint64_t addr;
	uint32_t n; /* bytes there, the tail of the next chunk included; 0 = not readable */
	bool swept;
	uint8_t starts[CHUNK_BYTES / 8]; /* bit per byte: the sweep has an instruction here */
	uint8_t bytes[CHUNK_BYTES + CXMS_INSN_MAX];
	struct cxms_step step[CHUNK_BYTES]; /* len 0 = not decoded yet, or no instruction */
};

/* The direct branches seen to one address. */
struct branches {
	uint32_t n;
	bool called; /* also the target of a direct call: a function's entry */
	uint64_t from[SOURCES_MAX];
};

struct cxms_code {
	struct cxms_x86 *x86;
	struct cxms_addr_map chunks;   /* chunk address -> struct chunk */
	struct cxms_addr_map branches; /* target -> struct branches */
	struct cxms_addr_map sites;    /* ip -> struct cxms_code_site */
	struct chunk *last;	       /* the chunk looked up last */
	struct cxms_code_site undecoded;
	cxms_code_read_fn rd; /* of the call in progress */
	void *arg;
};

int cxms_code_new(struct cxms_code **out, struct cxms_err *err)
{
	struct cxms_code *c = calloc(1, sizeof(*c));
	int rc;

	if (!c)
		return cxms_fail(err, ENOMEM, "out of memory for the code cache");
	rc = cxms_x86_new(&c->x86, err);
	if (rc) {
		free(c);
		return rc;
	}
	*out = c;
	return 0;
}

void cxms_code_free(struct cxms_code *c)
{
	if (!c)
		return;
	cxms_code_reset(c);
	cxms_x86_free(c->x86);
	free(c);
}

void cxms_code_reset(struct cxms_code *c)
{
	cxms_addr_map_fini(&c->chunks);
	cxms_addr_map_fini(&c->branches);
	cxms_addr_map_fini(&c->sites);
	c->last = NULL;
}

/* The chunk at @addr (a multiple of CHUNK_BYTES), read on first use; NULL without memory. */
static struct chunk *chunk_get(struct cxms_code *c, uint64_t addr)
{
	struct chunk *k = c->last;
	int64_t got;

	if (k && k->addr == addr)
		return k;
	k = cxms_addr_map_get(&c->chunks, addr);
	if (!k) {
		k = calloc(1, sizeof(*k));
		if (!k)
			return NULL;
		k->addr = addr;
		got = c->rd(c->arg, addr, k->bytes, sizeof(k->bytes));
		if (got > 0)
			k->n = (uint32_t)(got < (int64_t)sizeof(k->bytes)
						  ? got
						  : (int64_t)sizeof(k->bytes));
		if (cxms_addr_map_put(&c->chunks, addr, k)) {
			free(k);
			return NULL;
		}
	}
	c->last = k;
	return k;
}

static uint64_t chunk_of(uint64_t addr)
{
	return addr & ~(uint64_t)(CHUNK_BYTES - 1);
}

/* The bytes at @addr without copying: at least CXMS_INSN_MAX of them unless the mapping ends. */
static const uint8_t *bytes_at(struct cxms_code *c, uint64_t addr, size_t *n)
{
	const struct chunk *k = chunk_get(c, chunk_of(addr));
	size_t at = (size_t)(addr & (CHUNK_BYTES - 1));

	*n = 0;
	if (!k || at >= k->n)
		return NULL;
	*n = k->n - at;
	return k->bytes + at;
}

static unsigned decode_at(struct cxms_code *c, uint64_t addr, struct cxms_insn *in)
{
	size_t n;
	const uint8_t *p = bytes_at(c, addr, &n);

	return p ? cxms_insn_decode(p, n, in) : 0;
}

/* As decode_at(), for chains that vote: two zero bytes are padding or data, never the add they
 * spell. */
static unsigned chain_step(struct cxms_code *c, uint64_t addr)
{
	struct cxms_insn in;
	size_t n;
	const uint8_t *p = bytes_at(c, addr, &n);

	return p && n > 1 && (p[0] || p[1]) ? cxms_insn_decode(p, n, &in) : 0;
}

static bool start_get(struct cxms_code *c, uint64_t addr)
{
	const struct chunk *k = chunk_get(c, chunk_of(addr));
	size_t at = (size_t)(addr & (CHUNK_BYTES - 1));

	return k && (k->starts[at / 8] >> (at % 8) & 1);
}

static void start_put(struct chunk *k, uint64_t addr, bool is_start)
{
	size_t at = (size_t)(addr & (CHUNK_BYTES - 1));
	uint8_t bit = (uint8_t)(1u << (at % 8));

	if (is_start)
		k->starts[at / 8] |= bit;
	else
		k->starts[at / 8] &= (uint8_t)~bit;
}

/* Remember a direct branch; without memory it stays unknown. */
static void note_branch(struct cxms_code *c, uint64_t from, const struct cxms_insn *in)
{
	uint64_t target = from + in->len + (uint64_t)(int64_t)in->rel;
	bool is_call = in->flow == CXMS_FLOW_CALL;
	struct branches *b;

	if (!is_call && in->flow != CXMS_FLOW_JCC && in->flow != CXMS_FLOW_LOOP &&
	    in->flow != CXMS_FLOW_JMP)
		return;
	b = cxms_addr_map_get(&c->branches, target);
	if (!b) {
		b = calloc(1, sizeof(*b));
		if (!b)
			return;
		if (cxms_addr_map_put(&c->branches, target, b)) {
			free(b);
			return;
		}
	}
	b->called = b->called || is_call;
	if (is_call || b->n == SOURCES_MAX)
		return;
	for (uint32_t i = 0; i < b->n; i++)
		if (b->from[i] == from)
			return;
	b->from[b->n++] = from;
}

/* Where most chains from the bytes before a chunk enter it. */
static uint64_t sweep_entry(struct cxms_code *c, uint64_t addr)
{
	uint8_t lands[VOTE_BYTES], votes[CXMS_INSN_MAX] = {0};
	unsigned best = 0;

	if (addr < VOTE_BYTES)
		return addr;
	for (unsigned back = 1; back <= VOTE_BYTES; back++) {
		unsigned len = chain_step(c, addr - back);

		lands[back - 1] = UINT8_MAX;
		if (len >= back)
			lands[back - 1] = (uint8_t)(len - back);
		else if (len)
			lands[back - 1] = lands[back - len - 1];
		if (lands[back - 1] != UINT8_MAX)
			votes[lands[back - 1]]++;
	}
	for (unsigned i = 1; i < CXMS_INSN_MAX; i++)
		if (votes[i] > votes[best])
			best = i;
	return addr + best;
}

static void sweep(struct cxms_code *c, uint64_t addr)
{
	struct chunk *k = chunk_get(c, addr);
	uint64_t at;

	if (!k || k->swept || !k->n)
		return;
	k->swept = true;
	at = sweep_entry(c, addr);
	while (at - addr < CHUNK_BYTES && at - addr < k->n) {
		struct cxms_insn in;
		size_t off = (size_t)(at - addr);
		unsigned len = cxms_insn_decode(k->bytes + off, k->n - off, &in);

		if (len) {
			start_put(k, at, true);
			note_branch(c, at, &in);
		}
		at += len ? len : 1;
	}
}

/* @ip was executed, so it is a boundary: let the sweep agree with it up to the end of the chunk. */
static void resync(struct cxms_code *c, uint64_t ip)
{
	struct chunk *k = chunk_get(c, chunk_of(ip));
	struct cxms_insn in;

	if (!k || !k->n || start_get(c, ip))
		return;
	for (unsigned back = 1; back < CXMS_INSN_MAX && (ip & (CHUNK_BYTES - 1)) >= back; back++)
		if (start_get(c, ip - back) && decode_at(c, ip - back, &in) > back)
			start_put(k, ip - back, false);
	while (chunk_of(ip) == k->addr && !start_get(c, ip)) {
		unsigned len = decode_at(c, ip, &in);

		if (!len)
			return;
		start_put(k, ip, true);
		note_branch(c, ip, &in);
		for (unsigned i = 1; i < len && chunk_of(ip + i) == k->addr; i++)
			start_put(k, ip + i, false);
		ip += len;
	}
}

/*
 * The instruction that ends at @ip by majority of the chains that hit it; 0 when none does.
 * On a tie the longer one: an instruction without its prefixes is often one as well.
 */
static uint64_t previous(struct cxms_code *c, uint64_t ip)
{
	uint8_t hits[VOTE_BYTES + 1], votes[CXMS_INSN_MAX + 1] = {0};
	unsigned best = 0, window = ip < VOTE_BYTES ? (unsigned)ip : VOTE_BYTES;

	for (unsigned back = 1; back <= window; back++) {
		unsigned len = chain_step(c, ip - back);

		hits[back] = 0;
		if (len == back)
			hits[back] = (uint8_t)back;
		else if (len && len < back)
			hits[back] = hits[back - len];
		votes[hits[back]]++;
	}
	for (unsigned i = 1; i <= CXMS_INSN_MAX; i++)
		if (votes[i] && (!best || votes[i] >= votes[best]))
			best = i;
	return best ? ip - best : 0;
}

static bool x86_at(struct cxms_code *c, uint64_t addr, bool resume, struct cxms_x86_info *info)
{
	size_t n;
	const uint8_t *p = bytes_at(c, addr, &n);

	return cxms_x86_decode(c->x86, p, p ? n : 0, addr, resume, info);
}

unsigned cxms_code_step_at(struct cxms_code *c, uint64_t addr, struct cxms_step *out)
{
	struct chunk *k = chunk_get(c, chunk_of(addr));
	size_t at = (size_t)(addr & (CHUNK_BYTES - 1));
	struct cxms_step *step;
	struct cxms_insn in;

	if (!k || at >= k->n)
		return 0;
	step = &k->step[at];
	if (!step->len) {
		if (!cxms_insn_decode(k->bytes + at, k->n - at, &in))
			return 0;
		*step = (struct cxms_step){
			.rel = in.rel, .len = in.len, .flow = in.flow, .rep_string = in.rep_string};
	}
	*out = *step;
	return step->len;
}

bool cxms_code_x86_at(struct cxms_code *c, uint64_t addr, struct cxms_x86_info *info)
{
	return x86_at(c, addr, false, info);
}

bool cxms_code_is_called(const struct cxms_code *c, uint64_t addr)
{
	const struct branches *b = cxms_addr_map_get(&c->branches, addr);

	return b && b->called;
}

uint64_t cxms_code_before(struct cxms_code *c, uint64_t addr)
{
	const struct branches *b = cxms_addr_map_get(&c->branches, addr);
	struct cxms_step step;

	if (b && (b->n || b->called))
		return 0;
	for (unsigned back = 1; back <= CXMS_INSN_MAX && back <= addr; back++)
		if (start_get(c, addr - back) && cxms_code_step_at(c, addr - back, &step) == back)
			return step.flow == CXMS_FLOW_NEXT || step.flow == CXMS_FLOW_JCC
				       ? addr - back
				       : 0;
	return 0;
}

static struct cxms_code_site site_none(uint64_t ip, enum cxms_site_kind kind)
{
	return (struct cxms_code_site){.ip = ip,
				       .kind = (uint8_t)kind,
				       .base = -1,
				       .index = -1,
				       .scale = 1,
				       .count_reg = -1,
				       .outer_reg = -1};
}

static bool is_memory(const struct cxms_code_site *s)
{
	return s->kind != CXMS_SITE_NONE && s->kind != CXMS_SITE_UNDECODED;
}

/* What a jump waits for: the memory operand of a compare fused with it, else nothing. */
static struct cxms_code_site site_of_jump(struct cxms_code *c, uint64_t jump)
{
	struct cxms_insn in;
	struct cxms_x86_info info;
	uint64_t prev;

	if (!decode_at(c, jump, &in) || in.flow != CXMS_FLOW_JCC)
		return site_none(jump, CXMS_SITE_NONE);
	prev = previous(c, jump);
	if (!prev || !x86_at(c, prev, false, &info) || !info.fusible ||
	    info.site.kind != CXMS_SITE_LOAD)
		return site_none(jump, CXMS_SITE_NONE);
	info.site.flags |= CXMS_SITE_FUSED;
	return info.site;
}

/* Linear predecessor @prev; *falls: control can come from it. */
static struct cxms_code_site site_linear(struct cxms_code *c, uint64_t prev, bool is_entry,
					 bool *falls)
{
	struct cxms_code_site s = site_none(prev, CXMS_SITE_NONE);
	struct cxms_insn in;
	struct cxms_x86_info info;

	*falls = false;
	if (!prev || !decode_at(c, prev, &in))
		return s;
	switch ((enum cxms_flow)in.flow) {
	case CXMS_FLOW_NEXT:
		*falls = true;
		x86_at(c, prev, false, &info);
		return info.site;
	case CXMS_FLOW_JCC:
	case CXMS_FLOW_LOOP:
		*falls = true;
		return site_of_jump(c, prev);
	case CXMS_FLOW_CALL:
	case CXMS_FLOW_CALL_IND:
		if (is_entry)
			return s; /* the callee does not return: another function begins here */
		*falls = true;
		s.kind = CXMS_SITE_LOAD; /* the callee's ret */
		s.flags = CXMS_SITE_STACK;
		s.access_bytes = 8;
		s.base = CXMS_REG_SP;
		s.disp = -8;
		return s;
	default:
		return s;
	}
}

/* The best of the branches to @ip, those of loops or the others: one that waits for memory first.
 */
static bool site_branch(struct cxms_code *c, const struct branches *b, uint64_t ip, bool want_loop,
			struct cxms_code_site *out)
{
	bool is_found = false;

	for (uint32_t i = 0; b && i < b->n; i++) {
		uint64_t from = b->from[i];
		struct cxms_code_site s;
		bool is_loop = from >= ip && from - ip < CXMS_LOOP_BYTES &&
			       cxms_loop_length(c, ip, from, ip) > 0;

		if (is_loop != want_loop || !start_get(c, from))
			continue;
		s = site_of_jump(c, from);
		if (!is_found || (is_memory(&s) && !is_memory(out)))
			*out = s;
		is_found = true;
	}
	return is_found;
}

static uint32_t registers_of(const struct cxms_code_site *s)
{
	return (s->base >= 0 ? 1u << s->base : 0) | (s->index >= 0 ? 1u << s->index : 0);
}

static bool is_same_operand(const struct cxms_code_site *a, const struct cxms_code_site *b)
{
	return a->base == b->base && a->index == b->index && a->scale == b->scale &&
	       a->segment == b->segment && a->disp == b->disp;
}

/* Whether what the store writes was read by an instruction that control fell from: its line is
 * there. */
static bool was_loaded(struct cxms_code *c, const struct cxms_code_site *store)
{
	struct cxms_x86_info info;
	uint64_t at = cxms_code_before(c, store->ip);

	for (unsigned n = 0; at && n < LOADED_INSNS; n++, at = cxms_code_before(c, at)) {
		if (!x86_at(c, at, false, &info) || info.writes & registers_of(store))
			return false;
		if ((info.site.kind == CXMS_SITE_LOAD || info.site.kind == CXMS_SITE_UPDATE) &&
		    is_same_operand(&info.site, store))
			return true;
	}
	return false;
}

static struct cxms_code_site resolve(struct cxms_code *c, uint64_t ip)
{
	const struct branches *b;
	struct cxms_code_site linear, jump;
	struct cxms_insn in;
	struct cxms_x86_info info;
	uint64_t prev;
	bool falls, has_code = decode_at(c, ip, &in) != 0;

	if (has_code && in.rep_string && x86_at(c, ip, true, &info))
		return info.site;
	b = cxms_addr_map_get(&c->branches, ip);
	if (site_branch(c, b, ip, true, &jump))
		return jump;
	prev = previous(c, ip);
	linear = site_linear(c, prev, b && b->called, &falls);
	if (falls && b && b->n && linear.kind == CXMS_SITE_STORE && was_loaded(c, &linear))
		linear = site_none(prev, CXMS_SITE_NONE);
	if (falls && is_memory(&linear))
		return linear;
	if (site_branch(c, b, ip, false, &jump) && (!falls || is_memory(&jump)))
		return jump;
	if (!prev)
		return site_none(ip, b ? CXMS_SITE_NONE : CXMS_SITE_UNDECODED);
	return linear;
}

static struct cxms_code_site resolve_sampled(struct cxms_code *c, uint64_t ip)
{
	struct cxms_code_site s = resolve(c, ip);

	cxms_chain_find(c, &s);
	return s;
}

/*
 * rbp points into the stack when the nearest earlier set-up says so: mov %rsp,%rbp or lea
 * x(%rsp),%rbp, before a push %rbp without one (a function that saves rbp to use it freely).
 */
static bool has_frame(struct cxms_code *c, uint64_t addr)
{
	for (uint64_t back = 1; back < CXMS_LOOP_BYTES && back <= addr; back++) {
		size_t n;
		const uint8_t *p;

		sweep(c, chunk_of(addr - back));
		if (!start_get(c, addr - back))
			continue;
		p = bytes_at(c, addr - back, &n);
		if (!p || n < 4)
			return false;
		if (p[0] == 0x55)
			return false;
		if (p[0] == 0x48 &&
		    ((p[1] == 0x89 && p[2] == 0xe5) || (p[1] == 0x8b && p[2] == 0xec) ||
		     (p[1] == 0x8d && (p[2] == 0x6c || p[2] == 0xac) && p[3] == 0x24)))
			return true;
	}
	return false;
}

static void finish(struct cxms_code *c, struct cxms_code_site *s)
{
	struct cxms_step step;

	if (cxms_code_step_at(c, s->ip, &step) && step.rep_string) {
		cxms_loop_describe_rep(c, s);
	} else {
		struct cxms_loop l = cxms_loop_around(c, s->ip);

		s->loop_insns = (uint16_t)l.n;
		cxms_loop_describe(c, &l, s);
	}
	if (is_memory(s) && s->base == CXMS_REG_BP && has_frame(c, s->ip))
		s->flags |= CXMS_SITE_STACK;
}

/* The instruction at @ip itself. */
static struct cxms_code_site resolve_own(struct cxms_code *c, uint64_t ip)
{
	struct cxms_x86_info info;

	x86_at(c, ip, true, &info);
	return info.site;
}

bool cxms_code_is_stale(const struct cxms_code *c, uint64_t addr, const void *bytes, size_t n)
{
	const uint8_t *now = bytes;

	for (size_t i = 0; i < n; i++) {
		const struct chunk *k = cxms_addr_map_get(&c->chunks, chunk_of(addr + i));
		size_t at = (size_t)((addr + i) & (CHUNK_BYTES - 1));

		if (k && (at >= k->n || k->bytes[at] != now[i]))
			return true;
	}
	return false;
}

static const struct cxms_code_site *site_cached(struct cxms_code *c, uint64_t ip, uint64_t key,
						struct cxms_code_site (*find)(struct cxms_code *c,
									      uint64_t ip),
						cxms_code_read_fn rd, void *arg)
{
	struct cxms_code_site *s = cxms_addr_map_get(&c->sites, key);
	uint64_t chunk = chunk_of(ip);
	size_t n;

	if (s)
		return s;
	c->undecoded = site_none(ip, CXMS_SITE_UNDECODED);
	c->rd = rd;
	c->arg = arg;
	s = malloc(sizeof(*s));
	if (!s)
		return &c->undecoded;
	*s = c->undecoded;
	if (bytes_at(c, ip, &n)) {
		sweep(c, chunk - CHUNK_BYTES);
		for (uint64_t i = 0; i <= CHUNKS_AHEAD; i++)
			sweep(c, chunk + i * CHUNK_BYTES);
		resync(c, ip);
		*s = find(c, ip);
		finish(c, s);
	}
	if (cxms_addr_map_put(&c->sites, key, s)) {
		c->undecoded = *s;
		free(s);
		return &c->undecoded;
	}
	return s;
}

const struct cxms_code_site *cxms_code_site_at(struct cxms_code *c, uint64_t ip,
					       cxms_code_read_fn rd, void *arg)
{
	return site_cached(c, ip, ip, resolve_sampled, rd, arg);
}

const struct cxms_code_site *cxms_code_site_of(struct cxms_code *c, uint64_t ip,
					       cxms_code_read_fn rd, void *arg)
{
	return site_cached(c, ip, ip ^ OWN_KEY, resolve_own, rd, arg);
}

bool cxms_code_address(const struct cxms_code_site *site, const struct cxms_regs *regs,
		       bool want_dst, uint64_t *out)
{
	bool is_dst = site->kind == CXMS_SITE_STRING && site->string_dst &&
		      (want_dst || !site->string_src);
	uint64_t a = (uint64_t)site->disp, base, index;

	if (!is_memory(site) || (site->flags & CXMS_SITE_NOADDR))
		return false;
	cxms_chain_values(site, regs, &base, &index);
	a += is_dst ? regs->gpr[CXMS_REG_DI] : base;
	a += index * site->scale;
	if (site->addr32)
		a &= UINT32_MAX;
	if (site->segment && !is_dst) {
		if (site->segment == 4 ? !regs->fs_known : !regs->gs_known)
			return false;
		a += site->segment == 4 ? regs->fs_base : regs->gs_base;
	}
	*out = a;
	return true;
}
