/* Memory operands from ModR/M, SIB and displacement; widths and directions of vector instructions.
 */
#include <string.h>

#include "source/code_priv.h"

/* Hardware register numbers in enum cxms_reg. */
static const int8_t hw_reg[16] = {
	CXMS_REG_AX,  CXMS_REG_CX,  CXMS_REG_DX,  CXMS_REG_BX,	CXMS_REG_SP,  CXMS_REG_BP,
	CXMS_REG_SI,  CXMS_REG_DI,  CXMS_REG_R8,  CXMS_REG_R9,	CXMS_REG_R10, CXMS_REG_R11,
	CXMS_REG_R12, CXMS_REG_R13, CXMS_REG_R14, CXMS_REG_R15,
};

/* Gathers 90..93, scatters a0..a3, their prefetches c6 and c7. */
static bool is_vsib(const struct cxms_insn *in)
{
	uint8_t op = in->opcode;

	return in->vex && in->map == CXMS_MAP_0F38 &&
	       ((op >= 0x90 && op <= 0x93) || (op >= 0xa0 && op <= 0xa3) || op == 0xc6 ||
		op == 0xc7);
}

static int64_t displacement(const uint8_t *d, unsigned mod, bool is_alone,
			    const struct cxms_insn *in)
{
	int32_t disp32;

	if (mod == 1)
		return (int64_t)(int8_t)d[0] * (in->evex ? (int64_t)cxms_insn_vector_bytes(in) : 1);
	if (mod != 2 && !is_alone)
		return 0;
	memcpy(&disp32, d, sizeof(disp32));
	return disp32;
}

void cxms_insn_address(const uint8_t *p, const struct cxms_insn *in, uint64_t addr,
		       struct cxms_code_site *site)
{
	const uint8_t *m = p + in->modrm_at, *disp = m + 1;
	unsigned mod = m[0] >> 6, rm = m[0] & 7;
	bool is_alone = mod == 0 && rm == 5, has_sib = rm == 4;

	site->base = -1;
	site->index = -1;
	site->scale = 1;
	site->segment = (int8_t)in->segment;
	site->addr32 = in->addr32;
	site->rip_relative = is_alone;
	if (has_sib) {
		unsigned index = (m[1] >> 3 & 7) | (in->rex & 2 ? 8 : 0);

		disp++;
		rm = m[1] & 7;
		is_alone = mod == 0 && rm == 5;
		if (is_vsib(in))
			site->flags |= CXMS_SITE_GATHER | CXMS_SITE_NOADDR;
		else if (index != 4)
			site->index = hw_reg[index];
		if (site->index >= 0)
			site->scale = (uint8_t)(1u << (m[1] >> 6));
	}
	if (!is_alone)
		site->base = hw_reg[rm | (in->rex & 1 ? 8 : 0)];
	site->disp = displacement(disp, mod, is_alone, in);
	if (site->rip_relative)
		site->disp = (int64_t)(addr + in->len + (uint64_t)site->disp);
	if (in->segment)
		site->flags |= CXMS_SITE_TLS;
	if (site->base == CXMS_REG_SP)
		site->flags |= CXMS_SITE_STACK;
}

/* F3 is the single, F2 the double precision scalar form. */
static unsigned by_pp(const struct cxms_insn *in, unsigned single, unsigned dbl, unsigned packed)
{
	return in->pp == 2 ? single : (in->pp == 3 ? dbl : packed);
}

/* Widening and narrowing moves: bytes to words, doubles, quads; words to doubles, quads; doubles to
 * quads. */
static unsigned part(const struct cxms_insn *in)
{
	static const uint8_t by_opcode[6] = {2, 4, 8, 2, 4, 2};

	return in->vl_bytes / by_opcode[in->opcode & 7];
}

static unsigned bytes_0f(const struct cxms_insn *in, unsigned elem)
{
	unsigned vl = in->vl_bytes;

	switch (in->opcode) {
	case 0x12: /* movlps, movlpd, movddup */
		if (in->pp == 3)
			return vl == 16 ? 8 : vl;
		return in->pp == 2 ? vl : 8;
	case 0x13:
	case 0x17:
	case 0xd6:
		return 8;
	case 0x16: /* movhps, movshdup */
		return in->pp == 2 ? vl : 8;
	case 0x2a:
	case 0x6e:
		return elem;
	case 0x2e:
	case 0x2f:
		return in->pp == 1 ? 8 : 4;
	case 0x5a: /* cvtps2pd reads half */
		return by_pp(in, 4, 8, in->pp == 1 ? vl : vl / 2);
	case 0x7e:
		return in->pp == 2 ? 8 : elem;
	case 0x78:
	case 0x79: /* conversions to unsigned: from scalars, packed, or halves */
		if (in->pp == 1)
			return in->rex & 8 ? vl : vl / 2;
		return by_pp(in, 4, 8, vl);
	case 0x7a:
		return (in->pp == 2 || in->pp == 1) && !(in->rex & 8) ? vl / 2 : vl;
	case 0x7b:
		return in->pp == 1 ? (in->rex & 8 ? vl : vl / 2) : elem;
	case 0x90:
	case 0x91: /* kmov */
		if (in->rex & 8)
			return in->pp == 1 ? 4 : 8;
		return in->pp == 1 ? 1 : 2;
	case 0xae:
		return 4;
	case 0xc4:
		return 2;
	case 0xd1:
	case 0xd2:
	case 0xd3:
	case 0xe1:
	case 0xe2:
	case 0xf1:
	case 0xf2:
	case 0xf3: /* shift counts */
		return 16;
	case 0xe6:
		return in->pp == 2 && !(in->rex & 8) ? vl / 2 : vl;
	case 0x10:
	case 0x11:
	case 0x2c:
	case 0x2d:
	case 0x51:
	case 0x58:
	case 0x59:
	case 0x5c:
	case 0x5d:
	case 0x5e:
	case 0x5f:
	case 0xc2:
		return by_pp(in, 4, 8, vl);
	default:
		return vl;
	}
}

static unsigned bytes_0f38(const struct cxms_insn *in, unsigned elem)
{
	uint8_t op = in->opcode;

	if (op >= 0x20 && op <= 0x25)
		return part(in); /* pmovsx; narrowing stores */
	if (op >= 0x30 && op <= 0x35)
		return part(in); /* pmovzx; narrowing stores */
	if (op >= 0x10 && op <= 0x15 && in->pp == 2)
		return part(in); /* narrowing stores with saturation */
	if (op >= 0x96 && op <= 0xbf && (op & 0x0f) >= 9 && (op & 1))
		return elem; /* scalar FMA */
	if (is_vsib(in) || op >= 0xf0)
		return elem; /* one element of many; BMI */
	switch (op) {
	case 0x13:
		return in->vl_bytes / 2;
	case 0x18:
	case 0x58:
		return 4;
	case 0x19:
	case 0x59:
		return 8;
	case 0x1a:
	case 0x5a:
		return 16;
	case 0x1b:
	case 0x5b:
		return 32;
	case 0x78:
		return 1;
	case 0x79:
		return 2;
	case 0x62:
	case 0x63:
		return in->rex & 8 ? 2 : 1;
	case 0x2d: /* scalefs; maskmovpd in VEX */
		return in->evex ? elem : in->vl_bytes;
	case 0x43:
	case 0x4d:
	case 0x4f:
	case 0x88:
	case 0x89:
	case 0x8a:
	case 0x8b:
	case 0xcb:
	case 0xcd:
		return elem;
	default:
		return in->vl_bytes;
	}
}

static unsigned bytes_0f3a(const struct cxms_insn *in, unsigned elem)
{
	switch (in->opcode) {
	case 0x14:
	case 0x20:
		return 1;
	case 0x15:
		return 2;
	case 0x0a:
	case 0x17:
	case 0x21:
		return 4;
	case 0x0b:
		return 8;
	case 0x18:
	case 0x19:
	case 0x38:
	case 0x39:
		return 16;
	case 0x1a:
	case 0x1b:
	case 0x3a:
	case 0x3b:
		return 32;
	case 0x1d:
		return in->vl_bytes / 2;
	case 0x16:
	case 0x22:
	case 0x27:
	case 0x51:
	case 0x55:
	case 0x57:
	case 0x67:
	case 0xf0:
		return elem;
	default:
		return in->vl_bytes;
	}
}

unsigned cxms_insn_vector_bytes(const struct cxms_insn *in)
{
	unsigned elem = in->map >= CXMS_MAP_5 ? 2 : (in->rex & 8 ? 8 : 4);

	if (in->bcast)
		return elem;
	switch (in->map) {
	case CXMS_MAP_0F:
		return bytes_0f(in, elem);
	case CXMS_MAP_0F38:
		return bytes_0f38(in, elem);
	case CXMS_MAP_0F3A:
		return bytes_0f3a(in, elem);
	default:
		return in->pp >= 2 ? 2 : in->vl_bytes; /* FP16 */
	}
}

static bool stores_0f38(const struct cxms_insn *in)
{
	uint8_t op = in->opcode, row = op & 0xf0;

	if ((row == 0x10 || row == 0x20 || row == 0x30) && (op & 0x0f) <= 5)
		return in->pp == 2;
	if (op == 0x2e || op == 0x2f || op == 0x8e)
		return !in->evex;
	return op == 0x63 || op == 0x8a || op == 0x8b || (op >= 0xa0 && op <= 0xa3 && in->evex);
}

bool cxms_insn_vector_stores(const uint8_t *p, const struct cxms_insn *in)
{
	uint8_t op = in->opcode;

	switch (in->map) {
	case CXMS_MAP_0F:
		return op == 0x11 || op == 0x13 || op == 0x17 || op == 0x29 || op == 0x2b ||
		       (op == 0x7e && in->pp == 1) || op == 0x7f || op == 0x91 || op == 0xd6 ||
		       op == 0xe7 || (op == 0xae && (p[in->modrm_at] >> 3 & 7) == 3);
	case CXMS_MAP_0F38:
		return stores_0f38(in);
	case CXMS_MAP_0F3A:
		return (op >= 0x14 && op <= 0x17) || op == 0x19 || op == 0x1b || op == 0x39 ||
		       op == 0x3b || op == 0x1d;
	default:
		return op == 0x11 || op == 0x7e;
	}
}
