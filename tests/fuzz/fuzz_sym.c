/* Fuzz target: any bytes as an ELF file whose functions and build id are asked for. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "source/buildid.h"
#include "source/sym.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void find_all(const struct cxms_syms *s, size_t size)
{
	for (uint64_t at = 0; at < size; at += 13) {
		uint32_t off;
		const char *name = cxms_syms_find(s, at, &off);

		if (name && (off > at || !*name || strlen(name) > CXMS_SYM_NAME_MAX))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t id[CXMS_BUILD_ID_MAX];
	struct cxms_syms *s = NULL;
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	if (cxms_buildid_read(fd, id) > CXMS_BUILD_ID_MAX)
		abort();
	if (!cxms_syms_read(fd, &s))
		find_all(s, size);
	cxms_syms_free(s);
	close(fd);
	return 0;
}
