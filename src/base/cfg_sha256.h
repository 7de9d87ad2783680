/* SHA-256 of a byte string (FIPS 180-4), for the identity of a configuration file. */
#ifndef CXMS_BASE_CFG_SHA256_H
#define CXMS_BASE_CFG_SHA256_H

#include <stddef.h>

#define CXMS_SHA256_HEX_MAX 65
/** lower-case hex and a NUL into @hex */
void cxms_sha256_hex(const void *data, size_t len, char hex[CXMS_SHA256_HEX_MAX]);

#endif
