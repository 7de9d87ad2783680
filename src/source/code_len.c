/* x86-64 instruction lengths and control flow from opcode tables: a few nanoseconds per
 * instruction. */
#include <string.h>

#include "source/code_priv.h"

/*
 * One letter per opcode. X invalid or not for user code, N nothing follows, M ModR/M, B imm8, W
 * imm16, Z imm16/32 by operand size, D rel32, V imm16/32/64 by operand size, O 64-bit (67h: 32-bit)
 * offset, E imm16 and imm8, m ModR/M and imm8, z ModR/M and Z, T and t group 3: the immediate only
 * for /0 and /1. Prefixes, REX, VEX, EVEX and escapes are taken off before the look-up.
 */
static const char map_1byte[] = "MMMMBZXXMMMMBZXX"  /* 00 */
				"MMMMBZXXMMMMBZXX"  /* 10 */
				"MMMMBZXXMMMMBZXX"  /* 20 */
				"MMMMBZXXMMMMBZXX"  /* 30 */
				"XXXXXXXXXXXXXXXX"  /* 40 REX */
				"NNNNNNNNNNNNNNNN"  /* 50 push, pop */
				"XXXMXXXXZzBmXXXX"  /* 60 */
				"BBBBBBBBBBBBBBBB"  /* 70 jcc */
				"mzXmMMMMMMMMMMMM"  /* 80 */
				"NNNNNNNNNNXNNNNN"  /* 90 */
				"OOOONNNNBZNNNNNN"  /* a0 */
				"BBBBBBBBVVVVVVVV"  /* b0 */
				"mmWNXXmzENXXNBXX"  /* c0 */
				"MMMMXXXNMMMMMMMM"  /* d0 */
				"BBBBXXXXDDXBXXXX"  /* e0 */
				"XXXXNNTtNNXXNNMM"; /* f0 */
static const char map_0f[] = "MMMMXNXXXXXNXMXX"	    /* 00 */
			     "MMMMMMMMMMMMMMMM"	    /* 10 */
			     "XXXXXXXXMMMMMMMM"	    /* 20 */
			     "XNXNXXXXXXXXXXXX"	    /* 30 */
			     "MMMMMMMMMMMMMMMM"	    /* 40 */
			     "MMMMMMMMMMMMMMMM"	    /* 50 */
			     "MMMMMMMMMMMMMMMM"	    /* 60 */
			     "mmmmMMMNXXXXMMMM"	    /* 70 */
			     "DDDDDDDDDDDDDDDD"	    /* 80 jcc */
			     "MMMMMMMMMMMMMMMM"	    /* 90 */
			     "NNNMmMXXNNXMmMMM"	    /* a0 */
			     "MMMMMMMMMMmMMMMM"	    /* b0 */
			     "MMmMmmmMNNNNNNNN"	    /* c0 */
			     "MMMMMMMMMMMMMMMM"	    /* d0 */
			     "MMMMMMMMMMMMMMMM"	    /* e0 */
			     "MMMMMMMMMMMMMMMM";    /* f0 */

enum map { MAP_1BYTE, MAP_0F, MAP_0F38, MAP_0F3A, MAP_EVEX56 };

struct scan {
	const uint8_t *p;
	size_t n, at;
	bool opsize, addrsize, rep, rex_w, vector;
	uint8_t rex;
	enum map map;
	uint8_t opcode;
};

/* Prefixes and REX; false when the bytes end. */
static bool scan_prefixes(struct scan *s)
{
	for (; s->at < s->n; s->at++) {
		uint8_t b = s->p[s->at];

		if ((b & 0xf0) == 0x40) {
			s->rex = b;
			continue;
		}
		if (b == 0x66)
			s->opsize = true;
		else if (b == 0x67)
			s->addrsize = true;
		else if (b == 0xf2 || b == 0xf3)
			s->rep = true;
		else if (b != 0xf0 && (b & 0xe7) != 0x26 && b != 0x64 && b != 0x65)
			break;
		s->rex = 0; /* only the REX right before the opcode counts */
	}
	s->rex_w = (s->rex & 8) != 0;
	return s->at < s->n;
}

/* C4, C5 and 62 in 64-bit mode are always VEX and EVEX; legacy prefixes before them are faults. */
static bool scan_vector_prefix(struct scan *s)
{
	static const size_t prefix_bytes[] = {[0] = 3, [1] = 2, [2] = 4};
	const uint8_t *v = s->p + s->at;
	size_t kind = v[0] == 0xc4 ? 0 : v[0] == 0xc5 ? 1 : 2;
	size_t len = prefix_bytes[kind];
	unsigned map = 1;

	if (s->rex || s->opsize || s->rep || s->n - s->at <= len)
		return false;
	if (kind == 0)
		map = v[1] & 0x1f;
	if (kind == 2) {
		map = v[1] & 7;
		if ((v[1] & 8) || !(v[2] & 4))
			return false;
	}
	if (map == 0 || map == 4 || map > 6 || (map > 3 && kind != 2))
		return false;
	s->map = map > 3 ? MAP_EVEX56 : (enum map)map;
	s->vector = true;
	s->opcode = v[len];
	s->at += len + 1;
	return true;
}

static bool scan_opcode(struct scan *s)
{
	uint8_t b = s->p[s->at];

	if (b == 0xc4 || b == 0xc5 || b == 0x62)
		return scan_vector_prefix(s);
	s->map = MAP_1BYTE;
	s->at++;
	if (b == 0x0f) {
		if (s->at >= s->n)
			return false;
		b = s->p[s->at++];
		s->map = MAP_0F;
		if (b == 0x38 || b == 0x3a) {
			s->map = b == 0x38 ? MAP_0F38 : MAP_0F3A;
			if (s->at >= s->n)
				return false;
			b = s->p[s->at++];
		}
	}
	s->opcode = b;
	return true;
}

static char layout(const struct scan *s)
{
	char c;

	switch (s->map) {
	case MAP_0F38:
	case MAP_EVEX56:
		return 'M';
	case MAP_0F3A:
		return 'm';
	case MAP_1BYTE:
		return map_1byte[s->opcode];
	case MAP_0F:
		break;
	}
	c = map_0f[s->opcode];
	if (!s->vector)
		return c;
	if (s->opcode >= 0x78 && s->opcode <= 0x7b)
		return 'M'; /* EVEX conversions */
	return c == 'M' || c == 'm' || s->opcode == 0x77 ? c : 'X';
}

/* Opcode groups where only some ModR/M values are instructions a user program has. */
static bool modrm_allowed(const struct scan *s, uint8_t modrm)
{
	unsigned reg = (modrm >> 3) & 7;
	bool is_reg = modrm >= 0xc0;

	if (s->map == MAP_0F && !s->vector) {
		if (s->opcode == 0xb8)
			return s->rep;
		return s->opcode != 0xba || reg >= 4;
	}
	if (s->map != MAP_1BYTE)
		return true;
	switch (s->opcode) {
	case 0x8d:
		return !is_reg;
	case 0x8f:
		return reg == 0;
	case 0xc6:
	case 0xc7:
		return reg == 0 || modrm == 0xf8; /* f8: xabort, xbegin */
	case 0xfe:
		return reg < 2;
	case 0xff:
		return reg != 3 && reg != 5 && reg != 7;
	default:
		return true;
	}
}

/* ModR/M, SIB and displacement bytes; 0 when invalid or cut off. */
static size_t modrm_bytes(const struct scan *s)
{
	const uint8_t *m = s->p + s->at;
	size_t left = s->n - s->at, len = 1;
	unsigned mod, rm;

	if (!left || !modrm_allowed(s, m[0]))
		return 0;
	mod = m[0] >> 6;
	rm = m[0] & 7;
	if (mod == 3)
		return 1;
	if (rm == 4) {
		if (left < 2)
			return 0;
		len = 2;
		rm = m[1] & 7;
	}
	if (mod == 1)
		return len + 1;
	return len + (mod == 2 || rm == 5 ? 4 : 0);
}

static size_t imm_bytes(const struct scan *s, char c, unsigned reg)
{
	size_t by_size = s->opsize && !s->rex_w ? 2 : 4;

	switch (c) {
	case 'B':
	case 'm':
		return 1;
	case 'W':
		return 2;
	case 'E':
		return 3;
	case 'Z':
	case 'z':
		return by_size;
	case 'D':
		return 4;
	case 'V':
		return s->rex_w ? 8 : by_size;
	case 'O':
		return s->addrsize ? 4 : 8;
	case 'T':
		return reg < 2 ? 1 : 0;
	case 't':
		return reg < 2 ? by_size : 0;
	default:
		return 0;
	}
}

static enum cxms_flow flow_1byte(uint8_t op, unsigned reg)
{
	if ((op & 0xf0) == 0x70)
		return CXMS_FLOW_JCC;
	if (op >= 0xe0 && op <= 0xe3)
		return CXMS_FLOW_LOOP;
	switch (op) {
	case 0xe8:
		return CXMS_FLOW_CALL;
	case 0xe9:
	case 0xeb:
		return CXMS_FLOW_JMP;
	case 0xc2:
	case 0xc3:
		return CXMS_FLOW_RET;
	case 0xcc:
	case 0xf4:
		return CXMS_FLOW_STOP;
	case 0xff:
		return reg == 2 ? CXMS_FLOW_CALL_IND
				: (reg == 4 ? CXMS_FLOW_JMP_IND : CXMS_FLOW_NEXT);
	default:
		return CXMS_FLOW_NEXT;
	}
}

static enum cxms_flow flow_of(const struct scan *s, unsigned reg)
{
	if (s->map == MAP_1BYTE)
		return flow_1byte(s->opcode, reg);
	if (s->map != MAP_0F || s->vector)
		return CXMS_FLOW_NEXT;
	if ((s->opcode & 0xf0) == 0x80)
		return CXMS_FLOW_JCC;
	if (s->opcode == 0x0b || s->opcode == 0xb9 || s->opcode == 0xff)
		return CXMS_FLOW_STOP;
	return CXMS_FLOW_NEXT;
}

static int32_t relative(const uint8_t *end, char c)
{
	int32_t rel32;

	if (c == 'B')
		return (int8_t)end[-1];
	if (c != 'D')
		return 0;
	memcpy(&rel32, end - 4, sizeof(rel32));
	return rel32;
}

static bool is_string(uint8_t op)
{
	return (op >= 0xa4 && op <= 0xa7) || (op >= 0xaa && op <= 0xaf);
}

static bool is_padding(const struct scan *s)
{
	if (s->map == MAP_1BYTE)
		return s->opcode == 0xcc || (s->opcode == 0x90 && !(s->rex & 1) && !s->rep);
	return s->map == MAP_0F && !s->vector && s->opcode == 0x1f;
}

unsigned cxms_insn_decode(const uint8_t *p, size_t n, struct cxms_insn *out)
{
	struct scan s = {.p = p, .n = n < CXMS_INSN_MAX ? n : CXMS_INSN_MAX};
	unsigned reg = 0;
	bool mem = false;
	char c;

	if (!scan_prefixes(&s) || !scan_opcode(&s))
		return 0;
	c = layout(&s);
	if (c == 'X')
		return 0;
	if (strchr("MmzTt", c)) {
		size_t len = modrm_bytes(&s);

		if (!len)
			return 0;
		reg = (p[s.at] >> 3) & 7;
		mem = p[s.at] < 0xc0;
		s.at += len;
	}
	s.at += imm_bytes(&s, c, reg);
	if (s.at > s.n)
		return 0;
	*out = (struct cxms_insn){
		.len = (uint8_t)s.at,
		.flow = (uint8_t)flow_of(&s, reg),
		.nop = is_padding(&s),
		.rep_string = s.rep && s.map == MAP_1BYTE && is_string(s.opcode),
		.modrm_mem = mem,
	};
	if (out->flow == CXMS_FLOW_JCC || out->flow == CXMS_FLOW_LOOP ||
	    out->flow == CXMS_FLOW_JMP || out->flow == CXMS_FLOW_CALL)
		out->rel = relative(p + s.at, c);
	return out->len;
}
