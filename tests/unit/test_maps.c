#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/sys.h"
#include "source/analyze.h"
#include "source/area.h"
#include "source/buildid.h"
#include "source/evq.h"
#include "source/maps.h"

static const struct {
	const char *line, *why;
	bool ok;
	uint64_t addr, len, off;
	uint32_t prot;
	uint64_t ino;
	const char *path;
} lines[] = {
	{"00400000-00452000 r-xp 00001000 08:02 173521 /usr/bin/dbus daemon",
	 "a file, a blank in it", true, 0x400000, 0x52000, 0x1000, PROT_READ | PROT_EXEC, 173521,
	 "/usr/bin/dbus daemon"},
	{"7f0000000000-7f0000021000 rw-p 00000000 00:00 0 ", "anonymous", true, 0x7f0000000000,
	 0x21000, 0, PROT_READ | PROT_WRITE, 0, ""},
	{"7ffc8dc1d000-7ffc8dc3e000 rw-p 00000000 00:00 0                          [stack]",
	 "padded name", true, 0x7ffc8dc1d000, 0x21000, 0, PROT_READ | PROT_WRITE, 0, "[stack]"},
	{"00400000-00452000 r-xp 00001000 08:02 173521", "no blank at the end", true, 0x400000,
	 0x52000, 0x1000, PROT_READ | PROT_EXEC, 173521, ""},
	{"00452000-00400000 r-xp 00000000 08:02 1 /x", "ends before it begins", false, 0, 0, 0, 0,
	 0, 0},
	{"00400000-00452000 r-x", "cut in the mode", false, 0, 0, 0, 0, 0, 0},
	{"00400000-00452000 r-xp 00000000 08:02", "cut before the inode", false, 0, 0, 0, 0, 0, 0},
	{"11112222333344445-1 r-xp 0 0:0 0", "a number of 65 bits", false, 0, 0, 0, 0, 0, 0},
	{"Rss:                 100 kB", "a line of smaps", false, 0, 0, 0, 0, 0, 0},
	{"", "nothing", false, 0, 0, 0, 0, 0, 0},
};

static void test_lines_of_proc_maps(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		struct cxms_file_id id;
		struct cxms_map map;
		char path[64];

		assert_true(cxms_maps_parse_line(lines[i].line, strlen(lines[i].line), &map, &id,
						 path, sizeof(path)) == lines[i].ok);
		if (!lines[i].ok)
			continue;
		assert_true(map.addr == lines[i].addr && map.len == lines[i].len);
		assert_true(map.file_off == lines[i].off && map.prot == lines[i].prot);
		assert_true(id.ino == lines[i].ino);
		assert_string_equal(map.path, lines[i].path);
	}
}

static void test_a_long_path_is_cut(void **state)
{
	const char *line = "1000-2000 r--p 0 00:00 1 /a/long/path";
	struct cxms_file_id id;
	struct cxms_map map;
	char path[8];

	(void)state;
	assert_true(cxms_maps_parse_line(line, strlen(line), &map, &id, path, sizeof(path)));
	assert_string_equal(map.path, "/a/long");
}

static void add(struct cxms_maps *m, uint32_t pid, uint64_t addr, uint64_t len, uint64_t off,
		uint32_t prot, const char *path)
{
	struct cxms_map map = {
		.addr = addr, .len = len, .file_off = off, .prot = prot, .path = path};
	struct cxms_file_id id = {.ino = path[0] == '/' ? 77u : 0u};

	assert_int_equal(cxms_maps_add(m, cxms_maps_space(m, pid), &map, &id, NULL), 0);
}

static void test_a_new_mapping_takes_the_place_of_old_ones(void **state)
{
	struct cxms_maps m = {0};
	struct cxms_space *s = cxms_maps_space(&m, 1);
	const struct cxms_mapping *at;

	(void)state;
	add(&m, 1, 0x10000, 0x4000, 0x1000, PROT_READ, "/a");
	add(&m, 1, 0x14000, 0x4000, 0, PROT_READ, "/b");
	add(&m, 1, 0x12000, 0x4000, 0, PROT_READ, "");
	assert_int_equal(s->n, 3);
	at = cxms_maps_find(s, 0x11fff);
	assert_true(at->start == 0x10000 && at->end == 0x12000 && at->file_off == 0x1000);
	at = cxms_maps_find(s, 0x12000);
	assert_true(at->start == 0x12000 && at->end == 0x16000);
	at = cxms_maps_find(s, 0x16000);
	assert_true(at->start == 0x16000 && at->end == 0x18000 && at->file_off == 0x2000);
	assert_null(cxms_maps_find(s, 0xffff));
	assert_null(cxms_maps_find(s, 0x18000));
	add(&m, 1, 0x13000, 0x1000, 0, PROT_READ, "/c"); /* in the midst of one */
	assert_int_equal(s->n, 5);
	add(&m, 1, 0x8000, 0x20000, 0, PROT_READ, ""); /* over all */
	assert_int_equal(s->n, 1);
	cxms_maps_fini(&m);
}

static void test_mappings_outside_user_space_are_refused(void **state)
{
	static const struct {
		uint64_t addr, len;
		const char *why;
	} bad[] = {
		{0x1000, 0, "empty"},
		{0xffffffffff600000, 0x1000, "vsyscall"},
		{0x1000, UINT64_MAX, "wraps around"},
	};
	struct cxms_maps m = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct cxms_map map = {.addr = bad[i].addr, .len = bad[i].len, .path = ""};
		struct cxms_file_id id = {0};

		assert_int_equal(cxms_maps_add(&m, cxms_maps_space(&m, 1), &map, &id, NULL),
				 -EINVAL);
	}
	cxms_maps_fini(&m);
}

static void test_code_of_a_file_is_shared_and_own_code_is_not(void **state)
{
	const uint32_t rx = PROT_READ | PROT_EXEC;
	struct cxms_maps m = {0};
	struct cxms_space *a = cxms_maps_space(&m, 1), *b;

	(void)state;
	add(&m, 1, 0x400000, 0x1000, 0, rx, "/no/such/program");
	add(&m, 1, 0x500000, 0x1000, 0, rx, "");
	add(&m, 1, 0x600000, 0x1000, 0, PROT_READ, "/no/such/program");
	assert_int_equal(cxms_maps_fork(&m, 1, 2), 0);
	add(&m, 3, 0x700000, 0x1000, 0, rx, "/no/such/program");
	b = cxms_maps_space(&m, 2);
	assert_int_equal(b->n, 3);
	assert_ptr_equal(a->map[0].module, b->map[0].module);
	assert_ptr_equal(a->map[0].module, cxms_maps_space(&m, 3)->map[0].module);
	assert_int_equal(a->map[0].module->kind, CXMS_MODULE_FILE);
	assert_int_equal(a->map[1].module->kind, CXMS_MODULE_PRIVATE);
	assert_true(a->map[1].module != b->map[1].module);
	assert_null(a->map[2].module);
	cxms_maps_exec(&m, 1);
	assert_int_equal(a->n, 0);
	assert_int_equal(b->n, 3);
	cxms_maps_exit(&m, 2);
	assert_int_equal(cxms_maps_space(&m, 2)->n, 0);
	cxms_maps_fini(&m);
}

static uint32_t site_at(struct cxms_analyzer *a, struct cxms_evq *q, uint32_t pid)
{
	const struct cxms_event at = {.pid = pid, .tid = pid};
	uint32_t site = CXMS_NO_SITE;

	assert_int_equal(cxms_analyze_site(a, &at, 0x400100, q, &site, NULL), 0);
	return site;
}

/* A site is looked up once and then remembered: never past a change of what is mapped there. */
static void test_a_site_is_of_the_code_that_is_mapped_now(void **state)
{
	const uint32_t rx = PROT_READ | PROT_EXEC;
	struct cxms_analyzer a = {.maps = {.is_offline = true}};
	struct cxms_evq q = {0};
	uint32_t first, second, stray;

	(void)state;
	add(&a.maps, 1, 0x400000, 0x1000, 0, rx, "/no/such/program");
	first = site_at(&a, &q, 1);
	assert_int_equal(site_at(&a, &q, 1), first);
	stray = site_at(&a, &q, 2); /* nothing is mapped in it */
	assert_int_not_equal(stray, first);
	assert_int_equal(cxms_maps_fork(&a.maps, 1, 2), 0);
	assert_int_equal(site_at(&a, &q, 2), first);
	add(&a.maps, 1, 0x400000, 0x1000, 0, rx, "/no/such/library");
	second = site_at(&a, &q, 1);
	assert_true(second != first && second != stray);
	assert_int_equal(site_at(&a, &q, 2), first);
	cxms_maps_exec(&a.maps, 1);
	add(&a.maps, 1, 0x400000, 0x1000, 0, rx, "/no/such/program");
	assert_int_equal(site_at(&a, &q, 1), first);
	cxms_maps_exit(&a.maps, 1);
	assert_int_not_equal(site_at(&a, &q, 1), first);
	assert_int_equal(q.len, 4); /* each was told once: two files', two processes' own */
	cxms_evq_fini(&q);
	cxms_analyzer_fini(&a);
}

/* The kind of the site that a sample at @ip of this process is resolved to. */
static uint8_t kind_at(struct cxms_analyzer *a, struct cxms_evq *q, uint64_t ip, uint32_t *site)
{
	struct cxms_look look = {.pid = (uint32_t)getpid(), .tid = (uint32_t)getpid()};
	struct cxms_event ev;
	uint8_t kind = UINT8_MAX;

	look.regs.ip = ip;
	assert_int_equal(cxms_analyze(a, &look, q, NULL), 0);
	while (cxms_evq_pop(q, &ev, 1)) {
		if (ev.kind == CXMS_EV_SITE)
			kind = ev.site.kind;
		if (ev.kind == CXMS_EV_SAMPLE)
			*site = ev.sample.site;
	}
	return kind; /* UINT8_MAX: known before */
}

static void test_code_that_was_written_over_is_decoded_anew(void **state)
{
	/* mov (%rdi),%rdi, or inc %rax; then dec %rcx; jne to the start; ret */
	static const uint8_t chase[] = {0x48, 0x8b, 0x3f, 0x48, 0xff, 0xc9, 0x75, 0xf8, 0xc3};
	static const uint8_t count[] = {0x48, 0xff, 0xc0, 0x48, 0xff, 0xc9, 0x75, 0xf8, 0xc3};
	uint8_t *page =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t at = (uintptr_t)page;
	struct cxms_analyzer a = {0};
	struct cxms_evq q = {0};
	uint32_t first, again, other;

	(void)state;
	assert_true(page != MAP_FAILED);
	add(&a.maps, (uint32_t)getpid(), at, 4096, 0, PROT_READ | PROT_WRITE | PROT_EXEC, "");
	memcpy(page, chase, sizeof(chase));
	assert_int_equal(kind_at(&a, &q, at + 3, &first), CXMS_SITE_LOAD);
	assert_int_equal(kind_at(&a, &q, at + 3, &again), UINT8_MAX);
	assert_int_equal(again, first);
	page[2048] = 0xc3; /* far from it: another function */
	assert_int_equal(kind_at(&a, &q, at + 3, &again), UINT8_MAX);
	memcpy(page, count, sizeof(count));
	assert_int_equal(kind_at(&a, &q, at + 3, &other), CXMS_SITE_NONE);
	assert_int_not_equal(other, first);
	cxms_evq_fini(&q);
	cxms_analyzer_fini(&a);
	munmap(page, 4096);
}

/* A compiler at run time puts function behind function: each is new where there was nothing. */
static void test_code_that_was_written_later_is_decoded(void **state)
{
	static const uint8_t chase[] = {0x48, 0x8b, 0x3f, 0x48, 0xff, 0xc9, 0x75, 0xf8, 0xc3};
	uint8_t *page =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t at = (uintptr_t)page;
	struct cxms_analyzer a = {0};
	struct cxms_evq q = {0};
	uint32_t first, again;

	(void)state;
	assert_true(page != MAP_FAILED);
	add(&a.maps, (uint32_t)getpid(), at, 4096, 0, PROT_READ | PROT_WRITE | PROT_EXEC, "");
	for (unsigned i = 0; i < 4096; i += 256) {
		memcpy(page + i, chase, sizeof(chase));
		assert_int_equal(kind_at(&a, &q, at + i + 3, &again), CXMS_SITE_LOAD);
		if (i == 0)
			first = again;
	}
	assert_int_equal(kind_at(&a, &q, at + 3, &again), UINT8_MAX);
	assert_int_equal(again, first);
	cxms_evq_fini(&q);
	cxms_analyzer_fini(&a);
	munmap(page, 4096);
}

static const char fixed_image[] = "a file that is no ELF file";

/* A look at our own process: what it finds is where our code and stack are. */
struct found {
	uint64_t addr;
	size_t n;
	bool hit;
};

static void on_found(void *arg, const struct cxms_map *map)
{
	struct found *f = arg;

	f->n++;
	f->hit = f->hit || (f->addr >= map->addr && f->addr - map->addr < map->len);
}

static void test_a_look_finds_what_is_not_known_and_that_only(void **state)
{
	struct found f = {.addr = (uint64_t)(uintptr_t)&f}, again = {0};
	struct cxms_maps m = {0};
	struct cxms_space *s = cxms_maps_space(&m, (uint32_t)getpid());
	const struct cxms_mapping *code;

	(void)state;
	assert_int_equal(cxms_maps_look(&m, s, on_found, &f, NULL), 0);
	assert_true(s->looked_ok && f.hit && f.n > 5);
	code = cxms_maps_find(s, (uint64_t)(uintptr_t)&on_found);
	assert_non_null(code);
	assert_non_null(code->module);
	assert_true(code->module->fd_verified);
	assert_int_equal(cxms_maps_look(&m, s, on_found, &again, NULL), 0);
	assert_true(again.n < f.n); /* the allocator may have grown meanwhile */
	cxms_maps_fini(&m);
}

static void test_a_process_that_is_gone_is_told(void **state)
{
	struct cxms_maps m = {0};
	struct cxms_space *s = cxms_maps_space(&m, 0x7fffffff);
	struct found f = {0};

	(void)state;
	assert_int_equal(cxms_maps_look(&m, s, on_found, &f, NULL), -ENOENT);
	assert_false(s->looked_ok);
	assert_int_equal(f.n, 0);
	cxms_maps_fini(&m);
}

static void test_build_ids_are_read_and_other_files_have_none(void **state)
{
	uint8_t id[CXMS_BUILD_ID_MAX];
	char path[] = "/tmp/cxms_elf_XXXXXX", head[4096];
	int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), fd = mkstemp(path);
	ssize_t n;

	(void)state;
	assert_true(self >= 0 && fd >= 0);
	assert_in_range(cxms_buildid_read(self, id), 0, CXMS_BUILD_ID_MAX);
	assert_int_equal(write(fd, fixed_image, sizeof(fixed_image)), sizeof(fixed_image));
	assert_int_equal(cxms_buildid_read(fd, id), 0);
	/* An ELF file cut short, and one whose head is damaged at each place. */
	n = pread(self, head, sizeof(head), 0);
	assert_int_equal(n, sizeof(head));
	for (size_t i = 0; i < 512; i++) {
		char was = head[i];

		head[i] = (char)~was;
		assert_int_equal(pwrite(fd, head, sizeof(head), 0), sizeof(head));
		assert_in_range(cxms_buildid_read(fd, id), 0, CXMS_BUILD_ID_MAX);
		head[i] = was;
	}
	for (off_t len = 0; len < 1024; len += 8) {
		assert_int_equal(ftruncate(fd, len), 0);
		assert_in_range(cxms_buildid_read(fd, id), 0, CXMS_BUILD_ID_MAX);
	}
	close(self);
	close(fd);
	unlink(path);
}

static const char smaps[] =
	"7f0000000000-7f0040000000 rw-p 00000000 00:00 0 \n"
	"Size:            1048576 kB\nRss:              524288 kB\nPss:  524288 kB\n"
	"AnonHugePages:    4096 kB\nShmemPmdMapped:   2048 kB\nFilePmdMapped:  0 kB\n"
	"VmFlags: rd wr mr mw me ac sd \n"
	"7f0040000000-7f0080000000 rw-s 00000000 00:0f 7 /anon_hugepage (deleted)\n"
	"Rss:                   0 kB\nPrivate_Hugetlb:  2048 kB\nShared_Hugetlb: 4096 kB\n";

static void on_area(void *arg, const struct cxms_area *area)
{
	struct cxms_area **at = arg;

	*(*at)++ = *area;
}

static void test_smaps_tell_resident_and_huge_bytes(void **state)
{
	struct cxms_area area[3], *at = area;

	(void)state;
	cxms_smaps_parse(smaps, sizeof(smaps) - 1, on_area, &at);
	assert_int_equal(at - area, 2);
	assert_true(area[0].addr == 0x7f0000000000 && area[0].len == 1ull << 30);
	assert_true(area[0].resident_bytes == 512ull << 20);
	assert_true(area[0].huge_bytes == 6ull << 20);
	assert_true(area[1].resident_bytes == 6ull << 20 && area[1].huge_bytes == 6ull << 20);
	for (size_t cut = 0; cut < sizeof(smaps); cut++) { /* any cut is read up to it */
		at = area;
		cxms_smaps_parse(smaps, cut, on_area, &at);
		assert_in_range(at - area, 0, 2);
	}
}

static void count_areas(void *arg, uint32_t pid, const struct cxms_area *area)
{
	(void)pid;
	(void)area;
	++*(unsigned *)arg;
}

static void write_file(const char *root, const char *name, const char *text, size_t len)
{
	char path[256];
	FILE *fp;

	snprintf(path, sizeof(path), "%s/%s", root, name);
	fp = fopen(path, "we");
	assert_non_null(fp);
	assert_int_equal(fwrite(text, 1, len, fp), len);
	assert_int_equal(fclose(fp), 0);
}

static void ignore_found(void *arg, const struct cxms_map *map)
{
	(void)arg;
	(void)map;
}

/* CPU time of a look at a process of @n mappings, none known before. */
static uint64_t look_ns(const char *root, size_t n)
{
	struct cxms_buf text = {0};
	uint64_t least_ns = UINT64_MAX;

	for (size_t i = 0; i < n; i++)
		cxms_buf_printf(&text, "%zx-%zx rw-p 00000000 00:00 0 \n", 0x10000 + i * 8192,
				0x10000 + i * 8192 + 4096);
	write_file(root, "proc/7/maps", cxms_buf_text(&text), text.len);
	for (int round = 0; round < 3; round++) {
		struct cxms_maps m = {0};
		struct cxms_space *s = cxms_maps_space(&m, 7);
		uint64_t begin_ns = cxms_cpu_self_ns(), took_ns;

		assert_int_equal(cxms_maps_look(&m, s, ignore_found, NULL, NULL), 0);
		took_ns = cxms_cpu_self_ns() - begin_ns;
		assert_int_equal(s->n, n);
		least_ns = took_ns < least_ns ? took_ns : least_ns;
		cxms_maps_fini(&m);
	}
	cxms_buf_fini(&text);
	return least_ns;
}

/* While we look, threads that were stopped wait. */
static void test_a_look_takes_time_by_the_number_of_mappings(void **state)
{
	char root[] = "/tmp/cxms_maps_XXXXXX", path[64], command[64];

	(void)state;
	assert_non_null(mkdtemp(root));
	snprintf(path, sizeof(path), "%s/proc/7", root);
	assert_int_equal(cxms_mkdirs(path, NULL), 0);
	assert_int_equal(setenv("CXMS_FSROOT", root, 1), 0);
	/* 16 times as many: 256 times the time if each were compared with each */
	assert_true(look_ns(root, 32000) < 80 * look_ns(root, 2000));
	assert_int_equal(unsetenv("CXMS_FSROOT"), 0);
	snprintf(command, sizeof(command), "rm -rf '%s'", root);
	assert_int_equal(system(command), 0);
}

static void test_areas_are_told_when_due_and_changed(void **state)
{
	const uint64_t ms = 1000000;
	char root[] = "/tmp/cxms_root_XXXXXX", dir[128], text[sizeof(smaps)];
	struct cxms_areas areas = {0};
	unsigned n = 0;

	(void)state;
	assert_non_null(mkdtemp(root));
	for (int i = 0; i < 2; i++) {
		snprintf(dir, sizeof(dir), "%s/proc%s", root, i ? "/55" : "");
		assert_int_equal(mkdir(dir, 0700), 0);
	}
	assert_int_equal(setenv("CXMS_FSROOT", root, 1), 0);
	write_file(root, "proc/55/statm", "300000 200000 1 1 0 1 0\n", 25);
	write_file(root, "proc/55/smaps", smaps, sizeof(smaps) - 1);
	assert_int_equal(cxms_areas_begin(&areas, 55, 1000 * ms), 0);
	cxms_areas_poll(&areas, 1049 * ms, count_areas, &n);
	assert_int_equal(n, 0);
	cxms_areas_poll(&areas, 1050 * ms, count_areas, &n);
	assert_int_equal(n, 2);
	/* Long after: due again, but nothing has changed. */
	cxms_areas_poll(&areas, 100000 * ms, count_areas, &n);
	assert_int_equal(n, 2);
	memcpy(text, smaps, sizeof(smaps));
	*strstr(text, "524288") = '1';
	write_file(root, "proc/55/smaps", text, sizeof(smaps) - 1);
	cxms_areas_poll(&areas, 200000 * ms, count_areas, &n);
	assert_int_equal(n, 3);
	write_file(root, "proc/55/statm", "3000 200 1 1 0 1 0\n", 19); /* small: no look */
	write_file(root, "proc/55/smaps", smaps, sizeof(smaps) - 1);
	cxms_areas_poll(&areas, 300000 * ms, count_areas, &n);
	assert_int_equal(n, 3);
	cxms_areas_end(&areas, 55);
	cxms_areas_fini(&areas);
	assert_int_equal(unsetenv("CXMS_FSROOT"), 0);
	snprintf(dir, sizeof(dir), "rm -r %s", root);
	assert_int_equal(system(dir), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines_of_proc_maps),
		cmocka_unit_test(test_a_long_path_is_cut),
		cmocka_unit_test(test_a_new_mapping_takes_the_place_of_old_ones),
		cmocka_unit_test(test_mappings_outside_user_space_are_refused),
		cmocka_unit_test(test_code_of_a_file_is_shared_and_own_code_is_not),
		cmocka_unit_test(test_a_site_is_of_the_code_that_is_mapped_now),
		cmocka_unit_test(test_code_that_was_written_over_is_decoded_anew),
		cmocka_unit_test(test_code_that_was_written_later_is_decoded),
		cmocka_unit_test(test_a_look_finds_what_is_not_known_and_that_only),
		cmocka_unit_test(test_a_process_that_is_gone_is_told),
		cmocka_unit_test(test_build_ids_are_read_and_other_files_have_none),
		cmocka_unit_test(test_smaps_tell_resident_and_huge_bytes),
		cmocka_unit_test(test_areas_are_told_when_due_and_changed),
		cmocka_unit_test(test_a_look_takes_time_by_the_number_of_mappings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
