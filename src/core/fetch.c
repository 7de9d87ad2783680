#include "core/fetch.h"

#include <stdbool.h>

#define LINE_SHIFT 6
/* Functions and loops begin at multiples of 16 bytes (gcc -falign-functions, x86-64). */
#define PLACE_BYTES 16u
#define PLACES	    4u
#define MOST_Q8	    (INT32_MAX / 2)

/* One place while its code is fetched. */
struct place {
	uint64_t line;
	uint32_t width, group, cycles, bubbles;
};

static void end_group(struct place *p)
{
	p->cycles += p->group > 0;
	p->group = 0;
}

static void next_line(struct place *p, uint64_t line)
{
	end_group(p);
	p->bubbles++;
	p->line = line;
}

static void fetch(struct place *p, uint64_t from, const struct cxms_fetch_insn *in, bool jumped)
{
	uint64_t first = from >> LINE_SHIFT, last = (from + in->len - 1) >> LINE_SHIFT;
	if (jumped)
		end_group(p);
	if (first != p->line)
		next_line(p, first);
	if (last != first) { /* its first part takes a cycle of its own, unless a group has room */
		p->cycles += p->group == 0 || p->group == p->width;
		next_line(p, last);
	}
	for (uint32_t i = 0; i < in->n_uop; i++) {
		if (p->group == p->width)
			end_group(p);
		p->group++;
	}
}

void cxms_fetch_cost(const struct cxms_block *b, uint32_t width, int32_t cycle, int32_t bubble,
		     struct cxms_fetch_cost *out)
{
	int64_t least = INT64_MAX, most = 0;
	out->rest_q8 = 0;
	for (uint32_t place = 0; place < PLACES; place++) {
		uint64_t base = b->addr + (uint64_t)place * PLACE_BYTES, behind = base;
		struct place p = {.line = base >> LINE_SHIFT, .width = width};
		for (uint32_t i = 0; i < b->n_insn; i++) {
			uint64_t from = base + (uint64_t)(int64_t)b->fetch[i].at;
			fetch(&p, from, &b->fetch[i], from != behind);
			behind = from + b->fetch[i].len;
		}
		int64_t q8 = ((int64_t)p.cycles * cycle + (int64_t)p.bubbles * bubble) << 8;
		int64_t part_q8 = ((int64_t)p.group * cycle << 8) / width;
		int64_t rest_q8 = p.group > 0 ? ((int64_t)cycle << 8) - part_q8 : 0;
		q8 += part_q8 + rest_q8;
		least = q8 < least ? q8 : least;
		most = q8 > most ? q8 : most;
		out->rest_q8 += (int32_t)(rest_q8 / PLACES);
	}
	int64_t middle = (least + most) / 2 - out->rest_q8;
	out->own_q8 = (int32_t)(middle < MOST_Q8 ? middle : MOST_Q8);
}

int32_t cxms_fetch_apart_q8(uint64_t a, uint64_t b)
{
	int32_t apart = 0;
	for (uint32_t place = 0; place < PLACES; place++) {
		uint64_t by = (uint64_t)place * PLACE_BYTES;
		apart += (a + by) >> LINE_SHIFT != (b + by) >> LINE_SHIFT;
	}
	return apart * 256 / (int32_t)PLACES;
}
