/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parts of an instruction of the wrong path. */
#include "ex_wrong_read.h"

#include <stddef.h>

uint64_t ex_read_constant(struct ex_reader *r, unsigned bytes)
{
	uint64_t v = 0;

	if (r->at > r->end || bytes > (size_t)(r->end - r->at)) {
		r->at = r->end + 1; /* too long to be an instruction */
		return 0;
	}
	for (unsigned i = 0; i < bytes; i++)
		v |= (uint64_t)r->at[i] << (8 * i);
	r->at += bytes;
	if (bytes == 1)
		return (uint64_t)(int64_t)(int8_t)v;
	return bytes == 4 ? (uint64_t)(int64_t)(int32_t)v : v;
}

unsigned ex_read_short(const struct ex_reader *r)
{
	return r->op->size == 1 ? 1 : r->op->size == 2 ? 2 : 4;
}

/* The prefix of AVX and of some integer instructions, which names the map as well. */
static bool read_vex(struct ex_reader *r)
{
	bool is_long = *r->at++ == 0xc4;
	unsigned first, last;

	if (r->end - r->at < 3)
		return false;
	first = *r->at++;
	last = is_long ? *r->at++ : first;
	r->is_vex = true;
	r->rex = (uint8_t)(first & 0x80 ? 0 : 4);
	if (is_long)
		r->rex |= (uint8_t)((first & 0x40 ? 0 : 2) | (first & 0x20 ? 0 : 1) |
				    (last & 0x80 ? 8 : 0));
	r->map = is_long ? first & 31 : EX_MAP_TWO;
	r->other = ~last >> 3 & 15;
	r->has_66 = (last & 3) == 1;
	r->has_rep = (last & 3) >= 2;
	return r->map >= EX_MAP_TWO && r->map <= EX_MAP_3A;
}

/* False: what begins with it is not followed: a lock, short addresses, EVEX. */
static bool read_prefixes(struct ex_reader *r)
{
	for (; r->at < r->end; r->at++) {
		switch (*r->at) {
		case 0x26:
		case 0x2e:
		case 0x36:
		case 0x3e:
			break;
		case 0x62:
		case 0x67:
		case 0xf0:
			return false;
		case 0x64:
		case 0x65:
			r->has_segment = true;
			break;
		case 0x66:
			r->has_66 = true;
			break;
		case 0xf2:
		case 0xf3:
			r->has_rep = true;
			break;
		default:
			return true;
		}
	}
	return false;
}

bool ex_read_opcode(struct ex_reader *r)
{
	if (!read_prefixes(r))
		return false;
	if (*r->at == 0xc4 || *r->at == 0xc5) {
		if (!read_vex(r))
			return false;
	} else {
		if ((*r->at & 0xf0) == 0x40)
			r->rex = *r->at++;
		for (; r->at < r->end && r->map < EX_MAP_38; r->at++) {
			if (r->map == EX_MAP_ONE && *r->at == 0x0f)
				r->map = EX_MAP_TWO;
			else if (r->map == EX_MAP_TWO && (*r->at == 0x38 || *r->at == 0x3a))
				r->map = *r->at == 0x38 ? EX_MAP_38 : EX_MAP_3A;
			else
				break;
		}
	}
	if (r->at >= r->end)
		return false;
	r->opcode = *r->at++;
	r->op->size = r->rex & 8 ? 8 : r->has_66 ? 2 : 4;
	return true;
}

unsigned ex_read_extended(const struct ex_reader *r, unsigned low, unsigned rex_bit)
{
	return low | (r->rex & rex_bit ? 8u : 0u);
}

uint8_t ex_read_whole(const struct ex_reader *r, uint8_t byte_register)
{
	bool is_second = !r->rex && !r->is_vex && byte_register >= 4;

	return (uint8_t)(byte_register - (is_second ? 4 : 0));
}

void ex_read_modrm(struct ex_reader *r)
{
	struct ex_op *op = r->op;
	unsigned modrm, mod, low, bytes;

	if (r->at >= r->end)
		return;
	modrm = *r->at++;
	mod = modrm >> 6;
	low = modrm & 7;
	op->reg = (uint8_t)ex_read_extended(r, modrm >> 3 & 7, 4);
	op->rm = (uint8_t)ex_read_extended(r, low, 1);
	if (mod == 3)
		return;
	op->is_memory = true;
	bytes = mod == 1 ? 1 : mod == 2 ? 4 : 0;
	op->base = op->rm;
	if (low == 4 && r->at < r->end) {
		unsigned sib = *r->at++;

		op->scale_shift = (uint8_t)(sib >> 6);
		op->index = (uint8_t)ex_read_extended(r, sib >> 3 & 7, 2);
		if (op->index == EX_STACK)
			op->index = EX_NO_REGISTER;
		op->base = (uint8_t)ex_read_extended(r, sib & 7, 1);
		if ((sib & 7) == 5 && mod == 0) {
			op->base = EX_NO_REGISTER;
			bytes = 4;
		}
	} else if (low == 5 && mod == 0) {
		op->base = EX_NO_REGISTER;
		r->is_relative = true;
		bytes = 4;
	}
	if (bytes)
		op->displacement = ex_read_constant(r, bytes);
}
