/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The few facts about instruction bytes that VEX does not keep. */
#include "ex.h"

struct cursor {
	const uint8_t *at, *end;
	bool x, b, is_vex;
	unsigned map; /* 1: 0F, 2: 0F 38, 3: 0F 3A; 0: one-byte */
	bool is_32bit, is_fs, is_gs, has_66;
};

static bool legacy_prefixes(struct cursor *c)
{
	for (; c->at < c->end; c->at++) {
		switch (*c->at) {
		case 0x64:
			c->is_fs = true;
			break;
		case 0x65:
			c->is_gs = true;
			break;
		case 0x66:
			c->has_66 = true;
			break;
		case 0x67:
			c->is_32bit = true;
			break;
		case 0xf2:
		case 0xf3:
		case 0x26:
		case 0x2e:
		case 0x36:
		case 0x3e:
		case 0xf0:
			break;
		default:
			return true;
		}
	}
	return false;
}

/* REX, VEX or escape bytes; afterwards the opcode is next. */
static bool to_opcode(struct cursor *c)
{
	if (!legacy_prefixes(c))
		return false;
	if (*c->at == 0xc5 && c->end - c->at >= 3) {
		c->is_vex = true;
		c->map = 1;
		c->at += 2;
		return true;
	}
	if (*c->at == 0xc4 && c->end - c->at >= 4) {
		c->is_vex = true;
		c->map = c->at[1] & 0x1f;
		c->at += 3;
		return true;
	}
	if ((*c->at & 0xf0) == 0x40) {
		c->x = *c->at & 2;
		c->b = *c->at & 1;
		c->at++;
	}
	if (c->at < c->end && *c->at == 0x0f) {
		c->map = 1;
		c->at++;
		if (c->at < c->end && (*c->at == 0x38 || *c->at == 0x3a)) {
			c->map = *c->at == 0x38 ? 2 : 3;
			c->at++;
		}
	}
	return c->at < c->end;
}

static int32_t displacement(const uint8_t *at, unsigned bytes)
{
	if (bytes == 1)
		return (int8_t)at[0];
	return (int32_t)((uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 |
			 (uint32_t)at[3] << 24);
}

/* @at: the ModRM byte, of mod != 3. */
static bool memory_operand(const struct cursor *c, const uint8_t *at, struct ex_operand *o)
{
	unsigned mod = at[0] >> 6, rm = at[0] & 7, bytes = mod == 1 ? 1 : mod == 2 ? 4 : 0;

	*o = (struct ex_operand){.base = (int)(rm | (c->b ? 8u : 0u)),
				 .index = -1,
				 .is_32bit = c->is_32bit,
				 .is_fs = c->is_fs,
				 .is_gs = c->is_gs};
	at++;
	if (mod == 0 && rm == 5) {
		o->base = -1;
		o->ip_relative = true;
		bytes = 4;
	}
	if (rm == 4) {
		unsigned sib;

		if (at >= c->end)
			return false;
		sib = *at++;
		o->scale_shift = sib >> 6;
		o->index = (int)((sib >> 3 & 7) | (c->x ? 8u : 0u));
		if (o->index == 4)
			o->index = -1;
		o->base = (int)((sib & 7) | (c->b ? 8u : 0u));
		if ((sib & 7) == 5 && mod == 0) {
			o->base = -1;
			bytes = 4;
		}
	}
	if (at + bytes > c->end)
		return false;
	o->displacement = bytes ? displacement(at, bytes) : 0;
	return true;
}

static bool is_nt_store(const struct cursor *c, uint8_t opcode)
{
	return c->map == 1 && (opcode == 0x2b || opcode == 0xe7 || (opcode == 0xc3 && !c->is_vex));
}

/* bt, bts, btr, btc */
static bool is_bit_test(const struct cursor *c, uint8_t opcode)
{
	return c->map == 1 && !c->is_vex && (opcode & 0xe7) == 0xa3;
}

enum ex_what ex_decode(const uint8_t *bytes, unsigned len, struct ex_operand *operand)
{
	struct cursor c = {.at = bytes, .end = bytes + len};
	uint8_t opcode;

	if (!to_opcode(&c))
		return EX_WHAT_OTHER;
	opcode = *c.at;
	if (!c.is_vex && ((c.map == 0 && (opcode & 0xf0) == 0x70) ||
			  (c.map == 0 && opcode >= 0xe0 && opcode <= 0xe3) ||
			  (c.map == 1 && (opcode & 0xf0) == 0x80)))
		return EX_WHAT_BRANCH;
	if (c.at + 1 >= c.end)
		return EX_WHAT_OTHER;
	if (c.at[1] >> 6 == 3)
		return is_bit_test(&c, opcode) ? EX_WHAT_BIT : EX_WHAT_OTHER;
	if (is_nt_store(&c, opcode))
		return EX_WHAT_NT_STORE;
	if (c.is_vex && c.map == 2 && opcode >= 0x90 && opcode <= 0x93)
		return EX_WHAT_GATHER;
	if (!c.is_vex && c.map == 1 && opcode == 0xae &&
	    ((c.at[1] >> 3 & 7) == 7 || ((c.at[1] >> 3 & 7) == 6 && c.has_66)))
		return EX_WHAT_FLUSH;
	if (!c.is_vex && c.map == 1 &&
	    ((opcode == 0x18 && (c.at[1] >> 3 & 7) <= 3) ||
	     (opcode == 0x0d && (c.at[1] >> 3 & 7) <= 2)) &&
	    memory_operand(&c, c.at + 1, operand))
		return EX_WHAT_PREFETCH;
	return EX_WHAT_OTHER;
}
