#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/identity.h"

#define MODE_OTHERS 0077 // whoever may read the file may be us

__attribute__((format(printf, 2, 3))) static void note_set(struct identity_note *note,
							   const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(note->text, sizeof(note->text), format, args);
	va_end(args);
}

// ---- loading ----

// Reads until the end or until buf is full. The octets read, or -errno.
static ssize_t read_all(int fd, char *buf, size_t cap)
{
	size_t len = 0;

	while (len < cap) {
		ssize_t n = read(fd, buf + len, cap - len);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			break;
		if (n > 0)
			len += (size_t)n;
	}
	return (ssize_t)len;
}

static int text_load(int fd, char *buf, size_t cap, size_t *len)
{
	ssize_t n = read_all(fd, buf, cap);

	if (n < 0)
		return (int)n;
	*len = (size_t)n;
	return *len == cap ? -EFBIG : 0;
}

int identity_load(struct identity *id, const char *path, struct identity_note *note)
{
	char text[IDENTITY_TEXT_MAX];
	struct identity_note place;
	struct stat st = {0};
	size_t len = 0;
	int fd, err;

	memset(id, 0, sizeof(*id));
	note->text[0] = '\0';
	fd = open(path, O_RDONLY | O_CLOEXEC);
	err = fd < 0 || fstat(fd, &st) != 0 ? -errno : text_load(fd, text, sizeof(text), &len);
	if (fd >= 0)
		close(fd);
	if (err != 0) {
		note_set(note, "%s: %s", path, strerror(-err));
		goto out;
	}
	err = identity_parse(id, span_of(text, len), &place);
	if (err != 0)
		note_set(note, "%s: %s", path, place.text);
	else if ((st.st_mode & MODE_OTHERS) != 0)
		note_set(note, "%s: others may use it (mode %04o); chmod 600 %s", path,
			 (unsigned)st.st_mode & 07777, path);
out:
	octets_wipe(text, sizeof(text));
	return err;
}

// ---- saving ----

static int write_all(int fd, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			text += n;
			len -= (size_t)n;
		}
	}
	return fsync(fd) == 0 ? 0 : -errno;
}

// Gives the finished file its name, unless something has that name already.
static int name_take(const char *aside, const char *path)
{
	if (renameat2(AT_FDCWD, aside, AT_FDCWD, path, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -errno;
	if (link(aside, path) != 0) // a file system that cannot refuse to replace
		return -errno;
	return unlink(aside) == 0 ? 0 : -errno;
}

// The name is in the directory: it has to outlive a crash as well.
static int directory_sync(const char *path)
{
	char copy[PATH_MAX];
	int fd, err;

	snprintf(copy, sizeof(copy), "%s", path);
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	err = fsync(fd) == 0 ? 0 : -errno;
	close(fd);
	return err;
}

static int file_create(const char *path, const char *text, size_t len)
{
	char aside[PATH_MAX];
	int fd, err;

	if (snprintf(aside, sizeof(aside), "%s.XXXXXX", path) >= (int)sizeof(aside))
		return -ENAMETOOLONG;
	fd = mkostemp(aside, O_CLOEXEC); // O_EXCL and mode 0600
	if (fd < 0)
		return -errno;
	err = write_all(fd, text, len);
	if (close(fd) != 0 && err == 0)
		err = -errno;
	if (err == 0)
		err = name_take(aside, path);
	if (err != 0) {
		unlink(aside);
		return err;
	}
	return directory_sync(path);
}

int identity_save(const struct identity *id, const char *path, struct identity_note *note)
{
	char text[IDENTITY_TEXT_MAX];
	int len = identity_format(id, text, sizeof(text)), err;

	note->text[0] = '\0';
	err = len < 0 ? len : file_create(path, text, (size_t)len);
	if (err != 0)
		note_set(note, "%s: %s", path, strerror(-err));
	octets_wipe(text, sizeof(text));
	return err;
}
