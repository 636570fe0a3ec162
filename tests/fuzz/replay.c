// The main of a harness without libFuzzer: runs every file of the folders and files that are named,
// once. What was found stays found, in every build and under every compiler.
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fail(const char *path)
{
	fprintf(stderr, "replay: %s: %s\n", path, strerror(errno));
	exit(1);
}

static void run_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	struct stat st;
	uint8_t *data;

	if (f == NULL || fstat(fileno(f), &st) != 0)
		fail(path);
	// Exactly as long as the input, so that a look behind it is seen.
	data = malloc(st.st_size > 0 ? (size_t)st.st_size : 1);
	if (data == NULL || fread(data, 1, (size_t)st.st_size, f) != (size_t)st.st_size)
		fail(path);
	fclose(f);
	printf("%s\n", path);
	fflush(stdout); // the last line names the one that failed
	LLVMFuzzerTestOneInput(data, (size_t)st.st_size);
	free(data);
}

static int is_file(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

// In the order of names: a failure comes again at the same place.
static unsigned run_folder(const char *path)
{
	struct dirent **names;
	int n = scandir(path, &names, is_file, alphasort);
	char file[4096];

	if (n < 0)
		fail(path);
	for (int i = 0; i < n; i++) {
		snprintf(file, sizeof(file), "%s/%s", path, names[i]->d_name);
		run_file(file);
		free(names[i]);
	}
	free(names);
	return (unsigned)n;
}

int main(int argc, char **argv)
{
	unsigned n = 0;
	struct stat st;

	for (int i = 1; i < argc; i++) {
		if (stat(argv[i], &st) != 0)
			fail(argv[i]);
		if (S_ISDIR(st.st_mode))
			n += run_folder(argv[i]);
		else
			run_file(argv[i]), n++;
	}
	printf("%u inputs\n", n);
	return n > 0 ? 0 : 1; // a corpus that is not there proves nothing
}
