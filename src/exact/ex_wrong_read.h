/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parts of an instruction, as they are read one after another: prefixes, opcode, operands,
 * constants. */
#ifndef CXMS_EXACT_EX_WRONG_READ_H
#define CXMS_EXACT_EX_WRONG_READ_H

#include "ex_wrong.h"

/* Opcodes by how they are reached. */
enum ex_opcode_map { EX_MAP_ONE, EX_MAP_TWO, EX_MAP_38, EX_MAP_3A };

/* An instruction while it is read. @other: the register that only VEX names */
struct ex_reader {
	const uint8_t *at, *end;
	uint8_t rex, opcode, other;
	enum ex_opcode_map map;
	bool is_vex, has_66, has_rep, has_segment, is_relative;
	struct ex_op *op;
};

/** ex_read_opcode() - prefixes and opcode. Return: false: not followed. */
bool ex_read_opcode(struct ex_reader *r);
/** ex_read_modrm() - which registers, and which address. */
void ex_read_modrm(struct ex_reader *r);
/** ex_read_constant() - @bytes of a constant; of one and of four it has a sign. */
uint64_t ex_read_constant(struct ex_reader *r, unsigned bytes);
/** ex_read_short() - bytes of a constant of a size as for most instructions: at most four. */
unsigned ex_read_short(const struct ex_reader *r);
/** ex_read_extended() - number of a register, of which @rex_bit of the prefix is a part. */
unsigned ex_read_extended(const struct ex_reader *r, unsigned low, unsigned rex_bit);
/** ex_read_whole() - the register that @byte_register is of: of four it is the second byte. */
uint8_t ex_read_whole(const struct ex_reader *r, uint8_t byte_register);

#endif
