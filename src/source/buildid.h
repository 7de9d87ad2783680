/* Build ids of executables and libraries: the note the linker left. */
#ifndef CXMS_SOURCE_BUILDID_H
#define CXMS_SOURCE_BUILDID_H

#include <stdint.h>

#include "trace/event.h"

/**
 * cxms_buildid_read() - the GNU build id of an ELF file
 * @fd: open for reading; its position may move
 * Return: its length (1 .. CXMS_BUILD_ID_MAX), or 0 when there is none or the file is no ELF file
 */
uint8_t cxms_buildid_read(int fd, uint8_t out[CXMS_BUILD_ID_MAX]);

#endif
