// A small file, whole.
#ifndef ANNULUS_CONFIG_FILE_H
#define ANNULUS_CONFIG_FILE_H

#include <stddef.h>

// Reads a regular file (a pipe or device could hold us up for ever). Returns 0 and its octets plus
// a zero in *text, owned by the caller (free); or -errno: of open and read, -EISDIR, -ENOTSUP for
// what is no regular file, -EFBIG beyond `max`, -ENOMEM. Then *text is NULL.
int file_read(const char *path, size_t max, char **text, size_t *len);

// What such an error is called.
const char *file_error(int err);

#endif
