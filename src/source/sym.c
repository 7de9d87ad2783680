#include "source/sym.h"

#include "base/buf.h"

#include <errno.h>
#include <gelf.h>
#include <libelf.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Of symbols at one address the first by rank speaks: global, weak, local. */
struct function {
	uint64_t start, bytes; /* in the file */
	size_t name;	       /* in names */
	uint8_t rank;
};

/* Loaded segments that are looked at, and functions: compilers and linkers make four or five of the
 * one, large browsers a million of the other. */
#define MOST_SEGMENTS  64u
#define MOST_FUNCTIONS 4000000u

struct segment {
	uint64_t address, bytes, at; /* at: in the file */
};

struct cxms_syms {
	struct function *function; /* by start */
	size_t n, cap;
	struct cxms_buf names;
	struct segment segment[MOST_SEGMENTS]; /* that are loaded */
	size_t n_segment;
};

/* The file offset of an address: code is loaded by segments. */
static bool offset_of(const struct cxms_syms *s, uint64_t va, uint64_t *at)
{
	for (size_t i = 0; i < s->n_segment; i++) {
		const struct segment *g = &s->segment[i];

		if (va < g->address || va - g->address >= g->bytes)
			continue;
		*at = va - g->address + g->at;
		return true;
	}
	return false;
}

static void read_segments(struct cxms_syms *s, Elf *elf)
{
	size_t n = 0;

	if (elf_getphdrnum(elf, &n))
		return;
	for (size_t i = 0; i < n && i <= UINT16_MAX && s->n_segment < MOST_SEGMENTS; i++) {
		GElf_Phdr ph;

		if (gelf_getphdr(elf, (int)i, &ph) && ph.p_type == PT_LOAD)
			s->segment[s->n_segment++] = (struct segment){
				.address = ph.p_vaddr, .bytes = ph.p_filesz, .at = ph.p_offset};
	}
}

static bool is_function(const GElf_Sym *sym)
{
	unsigned type = GELF_ST_TYPE(sym->st_info);

	return (type == STT_FUNC || type == STT_GNU_IFUNC) && sym->st_size > 0 &&
	       sym->st_size <= UINT32_MAX && sym->st_shndx != SHN_UNDEF && sym->st_shndx != SHN_ABS;
}

static uint8_t rank_of(const GElf_Sym *sym)
{
	switch (GELF_ST_BIND(sym->st_info)) {
	case STB_GLOBAL:
		return 0;
	case STB_WEAK:
		return 1;
	default:
		return 2;
	}
}

static int add(struct cxms_syms *s, const GElf_Sym *sym, uint64_t start, const Elf_Data *text)
{
	const char *name;
	size_t left, len;

	if (sym->st_name >= text->d_size)
		return 0;
	name = (const char *)text->d_buf + sym->st_name;
	left = text->d_size - sym->st_name;
	len = strnlen(name, left < CXMS_SYM_NAME_MAX ? left : CXMS_SYM_NAME_MAX);
	if (!len)
		return 0;
	if (cxms_array_grow((void **)&s->function, &s->cap, s->n + 1, sizeof(*s->function)))
		return -ENOMEM;
	s->function[s->n++] = (struct function){
		.start = start,
		.bytes = sym->st_size,
		.name = s->names.len,
		.rank = rank_of(sym),
	};
	cxms_buf_put(&s->names, name, len);
	cxms_buf_put_u8(&s->names, 0);
	return s->names.failed ? -ENOMEM : 0;
}

static int read_table(struct cxms_syms *s, Elf *elf, Elf_Scn *scn, const GElf_Shdr *head)
{
	Elf_Data *symbols = elf_getdata(scn, NULL);
	Elf_Scn *of_text = elf_getscn(elf, head->sh_link);
	Elf_Data *text = of_text ? elf_getdata(of_text, NULL) : NULL;
	size_t each = gelf_fsize(elf, ELF_T_SYM, 1, EV_CURRENT);
	int rc = 0;

	if (!symbols || !symbols->d_buf || !text || !text->d_buf || !each ||
	    symbols->d_type != ELF_T_SYM)
		return 0;
	for (size_t i = 0;
	     i < symbols->d_size / each && i <= INT32_MAX && s->n < MOST_FUNCTIONS && !rc; i++) {
		uint64_t start;
		GElf_Sym sym;

		if (gelf_getsym(symbols, (int)i, &sym) && is_function(&sym) &&
		    offset_of(s, sym.st_value, &start))
			rc = add(s, &sym, start, text);
	}
	return rc;
}

static int read_tables(struct cxms_syms *s, Elf *elf, uint32_t type)
{
	Elf_Scn *scn = NULL;
	int rc = 0;

	while (!rc && !s->n && (scn = elf_nextscn(elf, scn))) {
		GElf_Shdr head;

		if (gelf_getshdr(scn, &head) && head.sh_type == type)
			rc = read_table(s, elf, scn, &head);
	}
	return rc;
}

static int by_start(const void *pa, const void *pb)
{
	const struct function *a = pa, *b = pb;

	if (a->start != b->start)
		return a->start < b->start ? -1 : 1;
	if (a->rank != b->rank)
		return a->rank < b->rank ? -1 : 1;
	return a->name < b->name ? -1 : a->name > b->name;
}

static void keep_first_of_each(struct cxms_syms *s)
{
	size_t n = 0;

	if (s->n)
		qsort(s->function, s->n, sizeof(*s->function), by_start);
	for (size_t i = 0; i < s->n; i++)
		if (!n || s->function[n - 1].start != s->function[i].start)
			s->function[n++] = s->function[i];
	s->n = n;
}

int cxms_syms_read(int fd, struct cxms_syms **out)
{
	struct cxms_syms *s = calloc(1, sizeof(*s));
	Elf *elf = NULL;
	int rc = s ? 0 : -ENOMEM;

	elf_version(EV_CURRENT);
	if (!rc)
		elf = elf_begin(fd, ELF_C_READ, NULL);
	if (elf && elf_kind(elf) == ELF_K_ELF) {
		read_segments(s, elf);
		rc = read_tables(s, elf, SHT_SYMTAB);
		if (!rc && !s->n)
			rc = read_tables(s, elf, SHT_DYNSYM);
	}
	elf_end(elf);
	if (!rc) {
		keep_first_of_each(s);
		*out = s->n ? s : NULL;
		s = s->n ? NULL : s;
	}
	cxms_syms_free(s);
	return rc;
}

void cxms_syms_free(struct cxms_syms *s)
{
	if (!s)
		return;
	free(s->function);
	cxms_buf_fini(&s->names);
	free(s);
}

const char *cxms_syms_find(const struct cxms_syms *s, uint64_t at, uint32_t *off)
{
	size_t lo = 0, hi = s ? s->n : 0;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (s->function[mid].start <= at)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (!lo || at - s->function[lo - 1].start >= s->function[lo - 1].bytes)
		return NULL;
	*off = (uint32_t)(at - s->function[lo - 1].start);
	return (const char *)s->names.data + s->function[lo - 1].name;
}
