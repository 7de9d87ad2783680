#include "trace/trace_priv.h"

/* A CRC is linear over GF(2): the entry for a byte is the XOR of the entries for its set bits. */
#define BYTE(n, b0, b1, b2, b3, b4, b5, b6, b7)                                                    \
	(((n)&1u ? b0 : 0u) ^ ((n)&2u ? b1 : 0u) ^ ((n)&4u ? b2 : 0u) ^ ((n)&8u ? b3 : 0u) ^       \
	 ((n)&16u ? b4 : 0u) ^ ((n)&32u ? b5 : 0u) ^ ((n)&64u ? b6 : 0u) ^ ((n)&128u ? b7 : 0u))
#define BYTES_4(n, ...)                                                                            \
	BYTE((n), __VA_ARGS__), BYTE((n) + 1u, __VA_ARGS__), BYTE((n) + 2u, __VA_ARGS__),          \
		BYTE((n) + 3u, __VA_ARGS__)
#define BYTES_16(n, ...)                                                                           \
	BYTES_4((n), __VA_ARGS__), BYTES_4((n) + 4u, __VA_ARGS__), BYTES_4((n) + 8u, __VA_ARGS__), \
		BYTES_4((n) + 12u, __VA_ARGS__)
#define BYTES_64(n, ...)                                                                           \
	BYTES_16((n), __VA_ARGS__), BYTES_16((n) + 16u, __VA_ARGS__),                              \
		BYTES_16((n) + 32u, __VA_ARGS__), BYTES_16((n) + 48u, __VA_ARGS__)
#define TABLE(...)                                                                                 \
	{                                                                                          \
		BYTES_64(0u, __VA_ARGS__), BYTES_64(64u, __VA_ARGS__),                             \
			BYTES_64(128u, __VA_ARGS__), BYTES_64(192u, __VA_ARGS__)                   \
	}

/* table[k][b]: byte b followed by k zero bytes, reflected polynomial 0x82f63b78 (RFC 3720). */
/* clang-format off */
static const uint32_t table[8][256] = {
	TABLE(0xf26b8303u, 0xe13b70f7u, 0xc79a971fu, 0x8ad958cfu, 0x105ec76fu, 0x20bd8edeu, 0x417b1dbcu, 0x82f63b78u),
	TABLE(0x13a29877u, 0x274530eeu, 0x4e8a61dcu, 0x9d14c3b8u, 0x3fc5f181u, 0x7f8be302u, 0xff17c604u, 0xfbc3faf9u),
	TABLE(0xa541927eu, 0x4f6f520du, 0x9edea41au, 0x38513ec5u, 0x70a27d8au, 0xe144fb14u, 0xc76580d9u, 0x8b277743u),
	TABLE(0xdd45aab8u, 0xbf672381u, 0x7b2231f3u, 0xf64463e6u, 0xe964b13du, 0xd725148bu, 0xaba65fe7u, 0x52a0c93fu),
	TABLE(0x38116facu, 0x7022df58u, 0xe045beb0u, 0xc5670b91u, 0x8f2261d3u, 0x1ba8b557u, 0x37516aaeu, 0x6ea2d55cu),
	TABLE(0xef306b19u, 0xdb8ca0c3u, 0xb2f53777u, 0x6006181fu, 0xc00c303eu, 0x85f4168du, 0x0e045bebu, 0x1c08b7d6u),
	TABLE(0x68032cc8u, 0xd0065990u, 0xa5e0c5d1u, 0x4e2dfd53u, 0x9c5bfaa6u, 0x3d5b83bdu, 0x7ab7077au, 0xf56e0ef4u),
	TABLE(0x493c7d27u, 0x9278fa4eu, 0x211d826du, 0x423b04dau, 0x847609b4u, 0x0d006599u, 0x1a00cb32u, 0x34019664u),
};
/* clang-format on */

static uint32_t load_le32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* Eight bytes a step ("slicing by 8", Kounavis and Berry 2005): about 2 GB/s without CPU support.
 */
uint32_t cxms_crc32c(uint32_t crc, const void *data, size_t len)
{
	const uint8_t *p = data;

	crc = ~crc;
	for (; len >= 8; len -= 8, p += 8) {
		uint32_t lo = crc ^ load_le32(p);
		uint32_t hi = load_le32(p + 4);

		crc = table[7][lo & 0xff] ^ table[6][lo >> 8 & 0xff] ^ table[5][lo >> 16 & 0xff] ^
		      table[4][lo >> 24] ^ table[3][hi & 0xff] ^ table[2][hi >> 8 & 0xff] ^
		      table[1][hi >> 16 & 0xff] ^ table[0][hi >> 24];
	}
	for (; len > 0; len--, p++)
		crc = table[0][(crc ^ *p) & 0xff] ^ crc >> 8;
	return ~crc;
}
