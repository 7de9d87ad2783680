/* A program that knows how many pages it and its children touch:
 *
 *   pages WAY
 *
 * It stores to each of PAGES pages, and prints how many more pages WAY makes them:
 *   none      nothing
 *   reads     CHILDREN read them
 *   writes    CHILDREN store to them
 *   shares    they are shared memory, and CHILDREN store to them
 *   fresh     CHILDREN map pages of their own, all at one address
 *   moves     they are moved to another address
 *   reuses    they are moved, and others are mapped where they were
 *   both      a child moves them, and stores to them
 */
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE	 4096u
#define PAGES	 2000u
#define CHILDREN 3u

static volatile char *map(void *at, int flags)
{
	return mmap(at, PAGES * (size_t)PAGE, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | flags, -1, 0);
}

static void store(volatile char *p)
{
	for (size_t i = 0; i < PAGES; i++)
		p[i * PAGE] = 1;
}

static void load(volatile char *p)
{
	for (size_t i = 0; i < PAGES; i++)
		(void)p[i * PAGE];
}

static volatile char *move(volatile char *p)
{
	volatile char *to = map(NULL, MAP_PRIVATE);

	return mremap((void *)p, PAGES * (size_t)PAGE, PAGES * (size_t)PAGE,
		      MREMAP_MAYMOVE | MREMAP_FIXED, (void *)to);
}

static void child(const char *way, volatile char *p)
{
	if (!strcmp(way, "reads"))
		load(p);
	else if (!strcmp(way, "fresh"))
		store(map((void *)(p + 2 * PAGES * (size_t)PAGE), MAP_PRIVATE | MAP_FIXED));
	else if (!strcmp(way, "both"))
		store(move(p));
	else
		store(p);
	_exit(0);
}

int main(int argc, char **argv)
{
	const char *way = argc > 1 ? argv[1] : "none";
	const unsigned children = !strcmp(way, "both") ? 1 : CHILDREN;
	const int is_shared = !strcmp(way, "shares");
	volatile char *p = map(NULL, is_shared ? MAP_SHARED : MAP_PRIVATE);
	unsigned more = 0;

	store(p);
	if (!strcmp(way, "moves") || !strcmp(way, "reuses")) {
		load(move(p));
		if (!strcmp(way, "reuses"))
			store(map((void *)p, MAP_PRIVATE | MAP_FIXED));
		more = !strcmp(way, "reuses") ? PAGES : 0;
	} else if (strcmp(way, "none") != 0) {
		for (unsigned i = 0; i < children; i++)
			if (fork() == 0)
				child(way, p);
		while (wait(NULL) > 0)
			;
		more = !strcmp(way, "reads") || is_shared ? 0 : children * PAGES;
	}
	printf("%u\n", more);
	return 0;
}
