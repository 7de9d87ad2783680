/*
 * refuse CALL=ERRNO... -- PROGRAM [ARG...]
 *
 * Runs a program for which the named system calls fail, as container runtimes and distributions
 * arrange it: CALL is perf (perf_event_open) or ptrace, ERRNO is EPERM, EACCES or ENOSYS.
 * Exits 77 when the kernel does not take a filter, 2 on wrong words.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MAX_RULES 4

#if defined(__x86_64__)
#define THIS_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define THIS_ARCH AUDIT_ARCH_AARCH64
#else
#error "name this machine's AUDIT_ARCH_ value here"
#endif

struct rule {
	unsigned call, error;
};

static int parse(const char *word, struct rule *out)
{
	static const struct {
		const char *name;
		unsigned value;
	} calls[] = {{"perf=", SYS_perf_event_open}, {"ptrace=", SYS_ptrace}},
	  errors[] = {{"EPERM", EPERM}, {"EACCES", EACCES}, {"ENOSYS", ENOSYS}};
	for (size_t c = 0; c < sizeof(calls) / sizeof(calls[0]); c++) {
		size_t n = strlen(calls[c].name);
		for (size_t e = 0; e < sizeof(errors) / sizeof(errors[0]); e++)
			if (!strncmp(word, calls[c].name, n) && !strcmp(word + n, errors[e].name)) {
				*out = (struct rule){calls[c].value, errors[e].value};
				return 0;
			}
	}
	return -EINVAL;
}

static int install(const struct rule *rule, unsigned n)
{
	struct sock_filter code[4 + 2 * MAX_RULES];
	unsigned short at = 0;
	code[at++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						  offsetof(struct seccomp_data, arch));
	code[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, THIS_ARCH, 0,
						  (unsigned char)(2 * n + 1));
	code[at++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						  offsetof(struct seccomp_data, nr));
	for (unsigned i = 0; i < n; i++) {
		code[at++] =
			(struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, rule[i].call, 0, 1);
		code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
							  SECCOMP_RET_ERRNO | rule[i].error);
	}
	code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog prog = {.len = at, .filter = code};
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog))
		return -errno;
	return 0;
}

int main(int argc, char **argv)
{
	struct rule rule[MAX_RULES];
	unsigned n = 0;
	int at = 1;
	for (; at < argc && strcmp(argv[at], "--") != 0; at++)
		if (n == MAX_RULES || parse(argv[at], &rule[n++])) {
			fprintf(stderr, "refuse: cannot use '%s'\n", argv[at]);
			return 2;
		}
	if (n == 0 || at + 1 >= argc) {
		fprintf(stderr, "usage: refuse CALL=ERRNO... -- PROGRAM [ARG...]\n");
		return 2;
	}
	int rc = install(rule, n);
	if (rc) {
		fprintf(stderr, "refuse: no seccomp filter here: %s\n", strerror(-rc));
		return 77;
	}
	execvp(argv[at + 1], argv + at + 1);
	fprintf(stderr, "refuse: cannot execute '%s': %s\n", argv[at + 1], strerror(errno));
	return 127;
}
