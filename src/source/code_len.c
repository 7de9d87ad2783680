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

struct scan {
	const uint8_t *p;
	size_t n, at;
	bool opsize, rep;
	struct cxms_insn in; /* what is known so far */
};

/* Prefixes and REX; false when the bytes end. */
static bool scan_prefixes(struct scan *s)
{
	for (; s->at < s->n; s->at++) {
		uint8_t b = s->p[s->at];

		if ((b & 0xf0) == 0x40) {
			s->in.rex = b;
			continue;
		}
		if (b == 0x66)
			s->opsize = true;
		else if (b == 0x67)
			s->in.addr32 = true;
		else if (b == 0xf2 || b == 0xf3)
			s->rep = true;
		else if (b == 0x64 || b == 0x65)
			s->in.segment = b == 0x64 ? 4 : 5;
		else if (b != 0xf0 && (b & 0xe7) != 0x26)
			break;
		s->in.rex = 0; /* only the REX right before the opcode counts */
	}
	return s->at < s->n;
}

/* C4, C5 and 62 in 64-bit mode are always VEX and EVEX; legacy prefixes before them are faults. */
static bool scan_vector_prefix(struct scan *s)
{
	const uint8_t *v = s->p + s->at;
	bool is_evex = v[0] == 0x62, is_short = v[0] == 0xc5;
	size_t len = is_evex ? 4 : is_short ? 2 : 3;
	uint8_t last; /* the byte with W (not in the short form) vvvv and pp; L in VEX */

	if (s->in.rex || s->opsize || s->rep || s->n - s->at <= len)
		return false;
	last = is_short ? v[1] : v[2];
	s->in.map = is_short ? CXMS_MAP_0F : (uint8_t)(v[1] & (is_evex ? 7 : 0x1f));
	if (is_evex && ((v[1] & 8) || !(v[2] & 4)))
		return false;
	if (s->in.map == 0 || s->in.map == 4 || s->in.map > (is_evex ? CXMS_MAP_6 : CXMS_MAP_0F3A))
		return false;
	s->in.rex = (uint8_t)(is_short ? (~v[1] >> 5) & 4 : (~v[1] >> 5) & 7);
	s->in.rex |= !is_short && (last & 0x80) ? 8 : 0;
	s->in.pp = last & 3;
	s->in.vl_bytes = (uint8_t)(is_evex ? 16u << (v[3] >> 5 & 3) : (last & 4 ? 32 : 16));
	s->in.bcast = is_evex && (v[3] & 0x10);
	s->in.vex = true;
	s->in.evex = is_evex;
	s->in.opcode = v[len];
	s->at += len + 1;
	return true;
}

static bool scan_opcode(struct scan *s)
{
	uint8_t b = s->p[s->at];

	if (b == 0xc4 || b == 0xc5 || b == 0x62)
		return scan_vector_prefix(s);
	s->in.map = CXMS_MAP_1BYTE;
	s->at++;
	if (b == 0x0f) {
		if (s->at >= s->n)
			return false;
		b = s->p[s->at++];
		s->in.map = CXMS_MAP_0F;
		if (b == 0x38 || b == 0x3a) {
			s->in.map = b == 0x38 ? CXMS_MAP_0F38 : CXMS_MAP_0F3A;
			if (s->at >= s->n)
				return false;
			b = s->p[s->at++];
		}
	}
	s->in.opcode = b;
	return true;
}

static char layout(const struct scan *s)
{
	char c;

	switch (s->in.map) {
	case CXMS_MAP_1BYTE:
		return map_1byte[s->in.opcode];
	case CXMS_MAP_0F:
		break;
	case CXMS_MAP_0F3A:
		return 'm';
	default:
		return 'M';
	}
	c = map_0f[s->in.opcode];
	if (!s->in.vex)
		return c;
	if (s->in.opcode >= 0x78 && s->in.opcode <= 0x7b)
		return 'M'; /* EVEX conversions */
	return c == 'M' || c == 'm' || s->in.opcode == 0x77 ? c : 'X';
}

/* Opcode groups where only some ModR/M values are instructions a user program has. */
static bool modrm_allowed(const struct scan *s, uint8_t modrm)
{
	unsigned reg = (modrm >> 3) & 7;
	bool is_reg = modrm >= 0xc0;

	if (s->in.map == CXMS_MAP_0F && !s->in.vex) {
		if (s->in.opcode == 0xb8)
			return s->rep;
		return s->in.opcode != 0xba || reg >= 4;
	}
	if (s->in.map != CXMS_MAP_1BYTE)
		return true;
	switch (s->in.opcode) {
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
	return len + (mod == 2 || rm == 5 ? 4 : 0); /* rm 5 without mod: disp32 alone */
}

static size_t imm_bytes(const struct scan *s, char c, unsigned reg)
{
	size_t by_size = s->opsize && !(s->in.rex & 8) ? 2 : 4;

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
		return s->in.rex & 8 ? 8 : by_size;
	case 'O':
		return s->in.addr32 ? 4 : 8;
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
	if (s->in.map == CXMS_MAP_1BYTE)
		return flow_1byte(s->in.opcode, reg);
	if (s->in.map != CXMS_MAP_0F || s->in.vex)
		return CXMS_FLOW_NEXT;
	if ((s->in.opcode & 0xf0) == 0x80)
		return CXMS_FLOW_JCC;
	if (s->in.opcode == 0x0b || s->in.opcode == 0xb9 || s->in.opcode == 0xff)
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
	if (s->in.map == CXMS_MAP_1BYTE)
		return s->in.opcode == 0xcc ||
		       (s->in.opcode == 0x90 && !(s->in.rex & 1) && !s->rep);
	return s->in.map == CXMS_MAP_0F && !s->in.vex && s->in.opcode == 0x1f;
}

unsigned cxms_insn_decode(const uint8_t *p, size_t n, struct cxms_insn *out)
{
	struct scan s = {.p = p, .n = n < CXMS_INSN_MAX ? n : CXMS_INSN_MAX};
	struct cxms_insn *in = &s.in;
	unsigned reg = 0;
	char c;

	if (!scan_prefixes(&s) || !scan_opcode(&s))
		return 0;
	c = layout(&s);
	if (c == 'X')
		return 0;
	if (c == 'M' || c == 'm' || c == 'z' || c == 'T' || c == 't') {
		size_t len = modrm_bytes(&s);

		if (!len)
			return 0;
		reg = (p[s.at] >> 3) & 7;
		in->modrm_mem = p[s.at] < 0xc0;
		in->modrm_at = (uint8_t)s.at;
		s.at += len;
	}
	s.at += imm_bytes(&s, c, reg);
	if (s.at > s.n)
		return 0;
	in->len = (uint8_t)s.at;
	in->flow = (uint8_t)flow_of(&s, reg);
	in->nop = is_padding(&s);
	in->rep_string = s.rep && in->map == CXMS_MAP_1BYTE && is_string(in->opcode);
	if (in->flow == CXMS_FLOW_JCC || in->flow == CXMS_FLOW_LOOP || in->flow == CXMS_FLOW_JMP ||
	    in->flow == CXMS_FLOW_CALL)
		in->rel = relative(p + s.at, c);
	*out = *in;
	return in->len;
}
