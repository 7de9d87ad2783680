#include "source/exact_tool.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "source/child.h"

#define TOOL_FILE "cxms-amd64-linux"

static bool has_tool(const char *dir)
{
	char file[PATH_MAX + sizeof(TOOL_FILE)];
	int n = snprintf(file, sizeof(file), "%s/%s", dir, TOOL_FILE);

	return n < (int)sizeof(file) && access(file, X_OK) == 0;
}

static int find_dir(char *dir, struct cxms_err *err)
{
	static const char *const beside[] = {"exact", "../lib/cxlmemsim/exact"};
	const char *given = getenv("CXMS_EXACT_DIR");
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	if (given && *given) {
		/* absolute: the program may go elsewhere before it executes another */
		if (has_tool(given) && realpath(given, dir))
			return 0;
		return cxms_fail(err, ENOTSUP,
				 "'%s' has no %s; set CXMS_EXACT_DIR to the folder of the exact "
				 "tool, or unset it",
				 given, TOOL_FILE);
	}
	self[n > 0 ? n : 0] = '\0';
	slash = strrchr(self, '/');
	for (size_t i = 0; slash && i < sizeof(beside) / sizeof(beside[0]); i++) {
		*slash = '\0';
		if (snprintf(dir, PATH_MAX, "%s/%s", self, beside[i]) < PATH_MAX && has_tool(dir))
			return 0;
	}
	return cxms_fail(err, ENOTSUP,
			 "the exact tool is not beside this program; build again with the package "
			 "valgrind installed, or set CXMS_EXACT_DIR to its folder");
}

int cxms_exact_find(char *dir, struct cxms_err *err)
{
	char room[PATH_MAX];

#if !defined(__x86_64__)
	return cxms_fail(err, ENOTSUP,
			 "the exact tool runs on x86-64 only; record there and replay here");
#endif
	if (cxms_child_find("valgrind", NULL, NULL) < 0)
		return cxms_fail(err, ENOTSUP,
				 "valgrind is not in PATH; install the package "
				 "valgrind");
	return find_dir(dir ? dir : room, err);
}

int cxms_exact_check(const char *program, struct cxms_err *err)
{
	unsigned char head[EI_NIDENT] = {0};
	struct stat st = {0};
	char file[PATH_MAX];
	int rc = cxms_child_find(program, file, err);
	int fd = rc ? -1 : open(file, O_RDONLY | O_CLOEXEC);
	bool is_32 = fd >= 0 && read(fd, head, sizeof(head)) == (ssize_t)sizeof(head) &&
		     !memcmp(head, ELFMAG, SELFMAG) && head[EI_CLASS] == ELFCLASS32;

	if (fd >= 0)
		close(fd);
	if (!rc)
		stat(file, &st);
	if (st.st_mode & S_ISUID || (st.st_mode & S_ISGID && st.st_mode & S_IXGRP))
		return cxms_fail(err, ENOTSUP,
				 "program '%s' is set-user-ID or set-group-ID, which Valgrind "
				 "refuses to run; use a copy without that bit",
				 program);
	if (!is_32)
		return rc;
	return cxms_fail(
		err, ENOTSUP,
		"program '%s' is a 32-bit one, which the exact tool cannot run; build it for "
		"64 bits",
		program);
}

/* A NULL-terminated list of words under construction. */
struct words {
	char **word;
	size_t n, cap;
	bool failed;
};

static void add_text(struct words *w, char *text)
{
	void *grown = w->word;

	if (!text || w->failed || cxms_array_grow(&grown, &w->cap, w->n + 2, sizeof(*w->word))) {
		free(text);
		w->failed = true;
		return;
	}
	w->word = grown;
	w->word[w->n++] = text;
	w->word[w->n] = NULL;
}

static void add(struct words *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void add(struct words *w, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	add_text(w, text);
}

static void free_words(char **word)
{
	for (size_t i = 0; word && word[i]; i++)
		free(word[i]);
	free(word);
}

static void add_cache(struct words *w, const char *name, const struct cxms_exact_cache *c)
{
	if (c->size_bytes == 0)
		add(w, "--cxms-%s=none", name);
	else
		add(w, "--cxms-%s=%" PRIu64 ",%" PRIu32 "%s%s%s", name, c->size_bytes, c->ways,
		    c->inclusive ? ",inclusive" : "", c->plru ? ",plru" : "",
		    c->hashed ? ",hashed" : "");
}

static void add_prefetch(struct words *w, const char *name, const struct cxms_exact_cache *c)
{
	struct cxms_buf list = {0};

	for (uint32_t i = 0; i < c->n_prefetch; i++) {
		const struct cxms_exact_prefetch *f = &c->prefetch[i];

		cxms_buf_printf(&list, "%s%s:%" PRIu32 ":%" PRIu32, i ? "+" : "",
				f->type == CXMS_EXACT_STRIDE ? "stride" : "next-line", f->degree,
				f->distance);
	}
	w->failed |= list.failed;
	add(w, "--cxms-pf-%s=%s", name, c->n_prefetch ? cxms_buf_text(&list) : "none");
	cxms_buf_fini(&list);
}

static void add_host(struct words *w, const struct cxms_exact_cfg *x)
{
	add_cache(w, "l1i", &x->cache[CXMS_EXACT_L1I]);
	add_cache(w, "l1d", &x->cache[CXMS_EXACT_L1D]);
	add_cache(w, "l2", &x->cache[CXMS_EXACT_L2]);
	add_cache(w, "llc", &x->cache[CXMS_EXACT_LLC]);
	add_prefetch(w, "l1d", &x->cache[CXMS_EXACT_L1D]);
	add_prefetch(w, "l2", &x->cache[CXMS_EXACT_L2]);
	add_prefetch(w, "llc", &x->cache[CXMS_EXACT_LLC]);
	if (x->tlb_l1)
		add(w, "--cxms-tlb=%" PRIu32 ",%" PRIu32 ",%" PRIu64, x->tlb_l1, x->tlb_l2,
		    x->tlb_page_bytes);
	else
		add(w, "--cxms-tlb=none");
	add(w, "--cxms-cores=%" PRIu32, x->cores);
	add(w, "--cxms-window=%" PRIu32, x->window);
	if (x->period_insns)
		add(w, "--cxms-sample=%" PRIu64 "/%" PRIu64, x->detail_insns, x->period_insns);
	if (x->roi_begin[0])
		add(w, "--cxms-roi-begin=%s", x->roi_begin);
	if (x->roi_end[0])
		add(w, "--cxms-roi-end=%s", x->roi_end);
}

/* "%" has a meaning there. */
static void add_log(struct words *w, const char *dir)
{
	struct cxms_buf name = {0};

	for (; *dir; dir++)
		cxms_buf_printf(&name, *dir == '%' ? "%%%%" : "%c", *dir);
	w->failed |= name.failed;
	add(w, "--log-file=%s/log.%%p", cxms_buf_text(&name));
	cxms_buf_fini(&name);
}

/*
 * Nothing of ~/.valgrindrc or VALGRIND_OPTS: they are for other tools. No debugger, no chasing of
 * branches into one block, nothing of the C library run at the end that the program does not run.
 */
static void make_argv(struct words *w, const struct cxms_exact_run *run)
{
	static const char *const fixed[] = {
		"valgrind",
		"--command-line-only=yes",
		"--tool=cxms",
		"-q",
		"--vgdb=no",
		"--vex-guest-chase=no",
		"--run-libc-freeres=no",
		"--run-cxx-freeres=no",
		"--sigill-diagnostics=yes",
		"--trace-children=yes",
		"--child-silent-after-fork=yes",
		"--fair-sched=yes", /* the cheaper lock, where the tool decides who gets it */
	};

	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
		add(w, "%s", fixed[i]);
	add_log(w, run->log_dir);
	add(w, "--cxms-out=@%s", run->socket);
	add(w, "--cxms-alloc=yes");
	add_host(w, run->cfg);
	add(w, "--");
	for (size_t i = 0; run->argv[i]; i++)
		add(w, "%s", run->argv[i]);
}

/* Valgrind puts files there from wherever the program has gone to. */
static void add_absolute_tmpdir(struct words *w, const char *dir)
{
	char path[PATH_MAX];

	add(w, "TMPDIR=%s", *dir && *dir != '/' && realpath(dir, path) ? path : dir);
}

/*
 * Ours, with the tool's folder; without what was meant for us. Threads of OpenMP that spin at a
 * barrier tell nobody what they wait for, so they are asked to sleep there, unless the user has
 * asked for something.
 */
static void make_envp(struct words *w, const struct cxms_exact_run *run)
{
	static const char *const drop[] = {"VALGRIND_LIB=", "CXMS_EXACT_DIR="};
	static const char tmpdir[] = "TMPDIR=";

	for (char **e = environ; e && *e; e++) {
		bool is_dropped = false;

		for (size_t i = 0; i < sizeof(drop) / sizeof(drop[0]); i++)
			is_dropped |= strncmp(*e, drop[i], strlen(drop[i])) == 0;
		if (strncmp(*e, tmpdir, strlen(tmpdir)) == 0)
			add_absolute_tmpdir(w, *e + strlen(tmpdir));
		else if (!is_dropped)
			add(w, "%s", *e);
	}
	add(w, "VALGRIND_LIB=%s", run->tool_dir);
	if (!getenv("OMP_WAIT_POLICY"))
		add(w, "OMP_WAIT_POLICY=passive");
}

int cxms_exact_cmd_make(const struct cxms_exact_run *run, struct cxms_exact_cmd *out,
			struct cxms_err *err)
{
	struct words argv = {0}, envp = {0};

	make_argv(&argv, run);
	make_envp(&envp, run);
	if (argv.failed || envp.failed) {
		free_words(argv.word);
		free_words(envp.word);
		return cxms_fail(err, ENOMEM, "out of memory for the command line of valgrind");
	}
	*out = (struct cxms_exact_cmd){argv.word, envp.word};
	return 0;
}

void cxms_exact_cmd_fini(struct cxms_exact_cmd *c)
{
	free_words(c->argv);
	free_words(c->envp);
	*c = (struct cxms_exact_cmd){0};
}
