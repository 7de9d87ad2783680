#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "source/analyze.h"
#include "source/evq.h"
#include "source/maps.h"
#include "source/sym.h"

int sym_visible(int x);
__attribute__((noinline)) int sym_visible(int x)
{
	return x * 3;
}

__attribute__((noinline)) static int hidden_one(int x)
{
	return x * 5 + sym_visible(x);
}

static int (*volatile called)(int) = hidden_one;

struct fixture {
	struct cxms_analyzer a;
	struct cxms_evq q;
	struct cxms_space *space;
	int fd;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	assert_true(f->fd >= 0);
	assert_int_equal(cxms_analyze_maps(&f->a, (uint32_t)getpid(), 0, &f->q, NULL), 0);
	f->space = cxms_maps_space(&f->a.maps, (uint32_t)getpid());
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	close(f->fd);
	cxms_evq_fini(&f->q);
	cxms_analyzer_fini(&f->a);
	free(f);
	return 0;
}

/* Where in its file the code at @p of this process is. */
static uint64_t offset_of(const struct fixture *f, const void *p)
{
	uint64_t va = (uint64_t)(uintptr_t)p;
	const struct cxms_mapping *at = cxms_maps_find(f->space, va);

	assert_non_null(at);
	return va - at->start + at->file_off;
}

static void test_functions_are_found_from_first_byte_to_last(void **state)
{
	const struct fixture *f = *state;
	const struct {
		const void *p;
		const char *name;
	} rows[] = {{(const void *)(uintptr_t)sym_visible, "sym_visible"},
		    {(const void *)(uintptr_t)hidden_one, "hidden_one"}};
	struct cxms_syms *s = NULL;

	assert_int_equal(cxms_syms_read(f->fd, &s), 0);
	assert_non_null(s);
	assert_int_equal(called(1), 8);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		uint64_t start = offset_of(f, rows[i].p);
		const char *name;
		uint32_t off = 0, bytes;

		for (bytes = 0; bytes < 4096; bytes++) {
			name = cxms_syms_find(s, start + bytes, &off);
			if (!name || strcmp(name, rows[i].name) != 0)
				break;
			assert_int_equal(off, bytes);
		}
		assert_in_range(bytes, 2, 4095);
		name = cxms_syms_find(s, start - 1, &off);
		assert_true(!name || strcmp(name, rows[i].name) != 0);
	}
	cxms_syms_free(s);
}

static void test_what_is_no_code_has_no_function(void **state)
{
	const struct fixture *f = *state;
	struct cxms_syms *s = NULL;
	uint32_t off = 77;

	assert_int_equal(cxms_syms_read(f->fd, &s), 0);
	assert_null(cxms_syms_find(s, 0, &off)); /* the head of the file */
	assert_null(cxms_syms_find(s, UINT64_MAX, &off));
	assert_null(cxms_syms_find(NULL, 0, &off));
	assert_int_equal(off, 77);
	cxms_syms_free(s);
}

/* Of a library without .symtab the exported names tell. */
static void test_a_library_names_what_it_exports(void **state)
{
	const struct fixture *f = *state;
	void (*volatile sort)(void *, size_t, size_t, int (*)(const void *, const void *)) = qsort;
	uint64_t va = (uint64_t)(uintptr_t)sort;
	const struct cxms_mapping *at = cxms_maps_find(f->space, va);
	struct cxms_syms *s = NULL;
	uint32_t off = 1;
	const char *name;

	assert_non_null(at);
	if (!at->module || !strstr(at->module->path, "libc"))
		skip(); /* a sanitizer's own, or a static one */
	assert_int_equal(cxms_syms_read(at->module->fd, &s), 0);
	name = cxms_syms_find(s, va - at->start + at->file_off, &off);
	assert_non_null(name);
	assert_string_equal(name, "qsort");
	assert_int_equal(off, 0);
	cxms_syms_free(s);
}

/* A site carries its names into the recording, and those of a function past the first byte. */
static void test_a_site_is_told_with_its_names(void **state)
{
	struct fixture *f = *state;
	const struct cxms_event at = {.pid = (uint32_t)getpid(), .tid = (uint32_t)getpid()};
	uint64_t ip = (uint64_t)(uintptr_t)hidden_one;
	const struct cxms_event *ev;
	uint32_t site;
	char exe[4096] = "";

	assert_true(readlink("/proc/self/exe", exe, sizeof(exe) - 1) > 0);
	assert_int_equal(cxms_analyze_site(&f->a, &at, ip, &f->q, &site, NULL), 0);
	ev = &f->q.ev[f->q.len - 1];
	assert_int_equal(ev->kind, CXMS_EV_SITE);
	assert_string_equal(ev->site.function, "hidden_one");
	assert_int_equal(ev->site.function_off, 0);
	assert_string_equal(ev->site.object, exe);
	assert_int_equal(ev->site.object_off, offset_of(f, (const void *)(uintptr_t)ip));
}

/* A file of the same path that is not the one that was mapped names nothing; own memory no file. */
static void test_another_file_and_own_memory_name_no_function(void **state)
{
	struct fixture *f = *state;
	const uint32_t rx = PROT_READ | PROT_EXEC;
	struct cxms_file_id other = {.build_id = {1, 2, 3, 4}, .build_id_len = 4};
	struct cxms_map maps[] = {
		{.addr = 0x400000, .len = 0x10000000, .prot = rx, .path = "/proc/self/exe"},
		{.addr = 0x20000000, .len = 0x1000, .prot = rx, .path = ""},
	};
	const struct cxms_event at = {.pid = 1, .tid = 1};
	uint64_t off = offset_of(f, (const void *)(uintptr_t)hidden_one);
	const struct cxms_site *told;
	uint32_t site;

	f->a.maps.is_offline = true;
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(cxms_maps_add(&f->a.maps, cxms_maps_space(&f->a.maps, 1), &maps[i],
					       &other, NULL),
				 0);
	assert_int_equal(cxms_analyze_site(&f->a, &at, 0x400000 + off, &f->q, &site, NULL), 0);
	told = &f->q.ev[f->q.len - 1].site;
	assert_string_equal(told->function, "");
	assert_string_equal(told->object, "/proc/self/exe");
	assert_int_equal(told->object_off, off);
	assert_int_equal(cxms_analyze_site(&f->a, &at, 0x20000010, &f->q, &site, NULL), 0);
	told = &f->q.ev[f->q.len - 1].site;
	assert_string_equal(told->function, "");
	assert_string_equal(told->object, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_functions_are_found_from_first_byte_to_last,
						setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_is_no_code_has_no_function, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_a_library_names_what_it_exports, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_a_site_is_told_with_its_names, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_another_file_and_own_memory_name_no_function,
						setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
