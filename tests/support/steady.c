/* A threaded program whose every access is the same each time: no clock, no random numbers, one
 * lock that is fought for. steady [THREADS [ROUNDS]] */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define WORDS	    (1u << 16) /* 512 KiB */
#define MAX_THREADS 16
#define TAKES	    8 /* of the lock in a round */

static uint64_t words[WORDS];
static uint64_t shared;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned rounds = 1000;

static void *work(void *arg)
{
	uint64_t x = (uint64_t)(uintptr_t)arg, sum = 0;
	for (unsigned r = 0; r < rounds; r++) {
		x = x * 6364136223846793005u + 1442695040888963407u;
		sum += words[x >> 48];
		if (r % (rounds / TAKES + 1))
			continue;
		pthread_mutex_lock(&lock);
		for (unsigned i = 0; i < 64; i++)
			shared += words[(sum + i) % WORDS];
		pthread_mutex_unlock(&lock);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	unsigned n = argc > 1 ? (unsigned)atoi(argv[1]) : 2;
	pthread_t thread[MAX_THREADS];
	if (argc > 2)
		rounds = (unsigned)atoi(argv[2]);
	if (n < 1 || n > MAX_THREADS || rounds < 1)
		return 2;
	for (uint32_t i = 0; i < WORDS; i++)
		words[i] = i;
	for (uintptr_t i = 0; i < n; i++)
		if (pthread_create(&thread[i], NULL, work, (void *)(i + 1)))
			return 1;
	for (unsigned i = 0; i < n; i++)
		pthread_join(thread[i], NULL);
	printf("%llu\n", (unsigned long long)shared);
	return 0;
}
