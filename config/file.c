#include "config/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int check(int fd, size_t max)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!S_ISREG(st.st_mode))
		return -ENOTSUP;
	return (size_t)st.st_size > max ? -EFBIG : 0;
}

// The size that fstat gave may be old, or 0 in /proc: read until the end or the limit.
static int read_all(int fd, char *text, size_t size, size_t *len)
{
	*len = 0;
	while (*len < size) {
		ssize_t n = read(fd, text + *len, size - *len);

		if (n == 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return -errno;
		*len += n > 0 ? (size_t)n : 0;
	}
	return -EFBIG;
}

int file_read(const char *path, size_t max, char **text, size_t *len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int err;

	*text = NULL;
	if (fd < 0)
		return -errno;
	err = check(fd, max);
	if (err == 0) {
		*text = malloc(max + 1); // one more: it shows that there is more
		err = *text == NULL ? -ENOMEM : read_all(fd, *text, max + 1, len);
	}
	if (err == 0) {
		(*text)[*len] = 0;
	} else {
		free(*text);
		*text = NULL;
	}
	close(fd);
	return err;
}

const char *file_error(int err)
{
	switch (err) {
	case -ENOTSUP:
		return "not a regular file";
	case -EFBIG:
		return "too large";
	default:
		return strerror(-err);
	}
}
