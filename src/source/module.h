/* A piece of code that processes map: a file shared by all of them, or one process's own memory. */
#ifndef CXMS_SOURCE_MODULE_H
#define CXMS_SOURCE_MODULE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "source/code.h"
#include "source/idmap.h"

struct cxms_err;
struct cxms_site;
struct cxms_syms;

/** struct cxms_file_id - as a mapping tells it; 0 = unknown */
struct cxms_file_id {
	uint32_t maj, min;
	uint64_t ino;
	uint8_t build_id[CXMS_BUILD_ID_MAX];
	uint8_t build_id_len;
};

enum cxms_module_kind {
	CXMS_MODULE_FILE,    /* addresses in it are file offsets */
	CXMS_MODULE_VDSO,    /* addresses in it count from its first byte */
	CXMS_MODULE_PRIVATE, /* addresses in it are the process's own */
};

/** struct cxms_site_ref - a sampled ip (or an instruction itself) of a module at one address: its
 * site and its number */
struct cxms_site_ref {
	struct cxms_code_site site; /* addresses are the process's */
	uint32_t id;
	bool write_next; /* of a string with two sides: the side the next sample stands for */
	uint64_t code; /* PRIVATE: hash of the bytes around it when it was decoded; 0 = not read */
};

struct cxms_module {
	enum cxms_module_kind kind;
	char *path;
	struct cxms_file_id id;
	int fd;		  /* of the file; -1 = cannot be read */
	bool fd_verified; /* it is the very file that was mapped */
	struct cxms_code *code;
	struct cxms_syms *syms; /* of the file; NULL = none, or not read yet */
	bool syms_read;
	unsigned n_rewritten;	  /* PRIVATE: times its code was found to have changed */
	struct cxms_idmap sites;  /* sampled virtual address -> struct cxms_site_ref, owned */
	struct cxms_module *next; /* of the same list */
};

/** struct cxms_mapping - one range of an address space */
struct cxms_mapping {
	uint64_t start, end, file_off;
	struct cxms_module *module; /* NULL = no code */
};

int cxms_module_new(struct cxms_module **out, enum cxms_module_kind kind, const char *path,
		    const struct cxms_file_id *id, struct cxms_err *err);
/**
 * cxms_module_reopen() - of a process of another time: open its file below @symfs (NULL = the
 * root), else by its build id below @cache (NULL = nowhere), as perf keeps files there
 */
void cxms_module_reopen(struct cxms_module *m, const char *symfs, const char *cache);
void cxms_module_free(struct cxms_module *m);
/** the code changed: decode anew, number its sites anew */
void cxms_module_reset(struct cxms_module *m);
/** same path, and what both know of build id, else inode, is the same */
bool cxms_module_is(const struct cxms_module *m, const char *path, const struct cxms_file_id *id);

/**
 * cxms_module_site() - the site of @ip, sampled in process @pid in mapping @at; decoded once
 * Own memory of a process is decoded anew, all of it, when the bytes around @ip have changed since:
 * compilers at run time write over code that is done with, and no record tells.
 * @pid:    0 = it is long gone: only files tell its code
 * @is_new: set when it was not known yet; its id is then for the caller to give
 * Return: borrowed until reset or free; NULL without memory
 */
struct cxms_site_ref *cxms_module_site(const struct cxms_mapping *at, pid_t pid, uint64_t ip,
				       bool *is_new);

/** the same of the instruction at @ip itself (cxms_code_site_of()): a ref of its own */
struct cxms_site_ref *cxms_module_site_of(const struct cxms_mapping *at, pid_t pid, uint64_t ip,
					  bool *is_new);

/**
 * cxms_module_loads() - does the instruction at @ip load? It gets no number.
 * false as well where nobody can tell: own memory of a process may be written over.
 */
bool cxms_module_loads(const struct cxms_mapping *at, pid_t pid, uint64_t ip);

/**
 * cxms_module_name() - set function and object of @site, whose ip lies in mapping @at
 * Only of a file that is known to be the one that was mapped are functions told. Own memory of a
 * process and the vdso have no object. Names are borrowed from the module.
 * Return: 0 or -ENOMEM
 */
int cxms_module_name(const struct cxms_mapping *at, struct cxms_site *site);

#endif
