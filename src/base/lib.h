/* Shared libraries that few runs need, loaded by those that do: to relocate their tables takes
 * milliseconds, which every program that is watched would wait for. */
#ifndef CXMS_BASE_LIB_H
#define CXMS_BASE_LIB_H

#include <stddef.h>

struct cxms_err;

/** struct cxms_lib_function - its name, and the offset of the pointer to it in a table */
struct cxms_lib_function {
	const char *name;
	size_t offset;
};

/* Row of @function for its pointer @member of a struct @table. */
#define CXMS_LIB_FUNCTION(table, function, member)                                                 \
	{                                                                                          \
		.name = #function, .offset = offsetof(struct table, member)                        \
	}

/**
 * cxms_lib_load() - load a library, once a process, and look functions up in it
 * @soname:  as the dynamic linker looks for it: the version that we were compiled for
 * @package: that brings it, for the message
 * @table:   function pointers, each at the offset of its row of @functions; written on success
 * Return:   0, or -ENOTSUP: not there, or not as it is to be
 * Owner:    it stays loaded until the process ends
 */
int cxms_lib_load(const char *soname, const char *package,
		  const struct cxms_lib_function *functions, size_t n, void *table,
		  struct cxms_err *err);

#endif
