#include "base/lib.h"

#include "base/err.h"

#include <dlfcn.h>
#include <errno.h>
#include <string.h>

/* A function's address as POSIX has dlsym(3) tell it: C has no conversion from void *. */
static void put(void *table, size_t offset, void *address)
{
	memcpy((char *)table + offset, &address, sizeof(address));
}

/* What the dynamic linker says, without the name that it begins with. */
static const char *reason(const char *soname)
{
	const char *told = dlerror();
	size_t len = strlen(soname);

	if (!told)
		return "unknown reason";
	return strncmp(told, soname, len) == 0 && told[len] == ':' && told[len + 1] == ' '
		       ? told + len + 2
		       : told;
}

int cxms_lib_load(const char *soname, const char *package,
		  const struct cxms_lib_function *functions, size_t n, void *table,
		  struct cxms_err *err)
{
	void *lib = dlopen(soname, RTLD_LAZY | RTLD_LOCAL);

	if (!lib)
		return cxms_fail(err, ENOTSUP, "cannot load '%s': %s; install %s", soname,
				 reason(soname), package);
	for (size_t i = 0; i < n; i++)
		if (!dlsym(lib, functions[i].name))
			return cxms_fail(err, ENOTSUP,
					 "'%s' has no function '%s'; install the %s that this was "
					 "built with",
					 soname, functions[i].name, package);
	for (size_t i = 0; i < n; i++)
		put(table, functions[i].offset, dlsym(lib, functions[i].name));
	return 0;
}
