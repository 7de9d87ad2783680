/* The checksum of the recording format. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "trace/trace_priv.h"

static void test_crc32c_has_the_published_values(void **state)
{
	uint8_t bytes[100];

	(void)state;
	assert_int_equal(cxms_crc32c(0, "123456789", 9), 0xe3069283u); /* check value of RFC 3720 */
	assert_int_equal(cxms_crc32c(0, "", 0), 0);
	memset(bytes, 0, sizeof(bytes));
	assert_int_equal(cxms_crc32c(0, bytes, 32), 0x8a9136aau); /* RFC 3720 B.4: zeros */
	memset(bytes, 0xff, sizeof(bytes));
	assert_int_equal(cxms_crc32c(0, bytes, 32), 0x62a8ab43u); /* ones */
	for (uint8_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = i;
	assert_int_equal(cxms_crc32c(0, bytes, 32), 0x46dd794eu); /* 0, 1, ... */
	for (size_t n = 0; n <= sizeof(bytes); n++)		  /* in two portions as in one */
		assert_int_equal(
			cxms_crc32c(cxms_crc32c(0, bytes, n), bytes + n, sizeof(bytes) - n),
			cxms_crc32c(0, bytes, sizeof(bytes)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_crc32c_has_the_published_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
