/* Plain driver: replays files through a fuzz target, so that its corpus is part of the normal
 * tests. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay(const char *path)
{
	FILE *fp = fopen(path, "re");
	uint8_t *data = NULL;
	size_t size = 0, cap = 0;
	if (!fp) {
		perror(path);
		return 1;
	}
	for (;;) {
		if (size == cap) {
			cap = cap ? 2 * cap : 65536;
			uint8_t *bigger = realloc(data, cap);
			if (!bigger) {
				fprintf(stderr, "%s: out of memory\n", path);
				fclose(fp);
				free(data);
				return 1;
			}
			data = bigger;
		}
		size_t got = fread(data + size, 1, cap - size, fp);
		if (got == 0)
			break;
		size += got;
	}
	fclose(fp);
	/* A buffer of exactly the size: one byte too far is then outside the allocation. */
	uint8_t *exact = malloc(size ? size : 1);
	if (exact) {
		for (size_t i = 0; i < size; i++)
			exact[i] = data[i];
		LLVMFuzzerTestOneInput(exact, size);
	}
	free(exact);
	free(data);
	return exact ? 0 : 1;
}

int main(int argc, char **argv)
{
	int failed = argc < 2;
	if (argc < 2)
		fprintf(stderr, "no corpus files given\n");
	for (int i = 1; i < argc; i++)
		failed |= replay(argv[i]);
	printf("%d inputs replayed\n", argc - 1);
	return failed;
}
