#include "control/service/shared_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/sha.h"

// Pieces fetched in any order leave at most as many ranges as pieces.
#define HAVE_RANGES_MAX UINT32_MAX
#define PATH_TEXT_MAX   4096

struct shared_file {
	struct file_layout layout;
	uint8_t root[FILE_ROOT_MAX];
	uint32_t root_len;
	uint8_t hash[FILE_HASH_LEN];
	struct file_root parsed;          // spans into root
	uint8_t (*hashes)[FILE_HASH_LEN]; // of pieces, list behind list
	int fd, state_fd;                 // state_fd: -1: it is whole
	struct ranges have;               // indices
	uint64_t bytes;
	char path[PATH_TEXT_MAX], part[PATH_TEXT_MAX], state[PATH_TEXT_MAX];
};

// ---- reading and writing at a place ----

static int read_at(int fd, void *to, size_t len, uint64_t at)
{
	size_t n = 0;

	while (n < len) {
		ssize_t got = pread(fd, (char *)to + n, len - n, (off_t)(at + n));

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? -errno : -ENODATA;
		n += (size_t)got;
	}
	return 0;
}

static int write_at(int fd, const void *from, size_t len, uint64_t at)
{
	size_t n = 0;

	while (n < len) {
		ssize_t put = pwrite(fd, (const char *)from + n, len - n, (off_t)(at + n));

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return put < 0 ? -errno : -EIO;
		n += (size_t)put;
	}
	return 0;
}

static bool is_hash_of(const uint8_t hash[FILE_HASH_LEN], const void *octets, size_t len)
{
	uint8_t real[FILE_HASH_LEN];

	sha256(octets, len, real);
	return memcmp(real, hash, FILE_HASH_LEN) == 0;
}

// ---- life ----

static struct shared_file *make(const struct file_layout *l, int *err)
{
	struct shared_file *sf = calloc(1, sizeof(*sf));

	*err = -ENOMEM;
	if (sf == NULL)
		return NULL;
	sf->layout = *l;
	sf->fd = sf->state_fd = -1;
	ranges_init(&sf->have, HAVE_RANGES_MAX);
	sf->hashes = calloc(l->n_pieces > 0 ? l->n_pieces : 1, FILE_HASH_LEN);
	if (sf->hashes != NULL)
		return sf;
	free(sf);
	return NULL;
}

void shared_file_close(struct shared_file *sf)
{
	if (sf == NULL)
		return;
	if (sf->fd >= 0)
		close(sf->fd);
	if (sf->state_fd >= 0)
		close(sf->state_fd);
	ranges_clear(&sf->have);
	free(sf->hashes);
	free(sf);
}

// The root as an object, and what it says.
static int root_keep(struct shared_file *sf, struct span root)
{
	int err = root.len <= sizeof(sf->root) ? 0 : -EBADMSG;

	if (err != 0)
		return err;
	memcpy(sf->root, root.data, root.len);
	sf->root_len = (uint32_t)root.len;
	sha256(sf->root, sf->root_len, sf->hash);
	err = file_root_read(&sf->parsed, span_of(sf->root, sf->root_len));
	if (err == 0)
		err = ranges_add(&sf->have, 0, 0);
	return err;
}

// ---- the whole one ----

static int hash_pieces(struct shared_file *sf)
{
	uint8_t *piece = malloc(sf->layout.piece_len);
	int err = piece != NULL ? 0 : -ENOMEM;

	for (uint64_t i = 0; i < sf->layout.n_pieces && err == 0; i++) {
		uint32_t len = file_piece_len(&sf->layout, i);

		err = read_at(sf->fd, piece, len, i * sf->layout.piece_len);
		sha256(piece, len, sf->hashes[i]);
	}
	free(piece);
	return err;
}

static int root_make(struct shared_file *sf, const char *path)
{
	static uint8_t octets[FILE_ROOT_MAX];
	uint8_t(*lists)[FILE_HASH_LEN] = calloc(sf->layout.n_lists + 1u, FILE_HASH_LEN);
	const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;
	struct wr w = wr_over(octets, sizeof(octets));
	struct file_root root = {.layout = sf->layout, .name = span_of(name, strlen(name))};
	int err;

	if (lists == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < sf->layout.n_lists; i++)
		sha256(sf->hashes[(uint64_t)i * FILE_HASHES_PER_LIST],
		       file_list_len(&sf->layout, i), lists[i]);
	root.list_hashes = lists[0];
	if (root.name.len > FILE_NAME_MAX)
		root.name.len = FILE_NAME_MAX;
	err = file_root_write(&w, &root);
	free(lists);
	return err != 0 ? err : root_keep(sf, wr_span(&w));
}

struct shared_file *shared_file_open(const char *path, int *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct file_layout l;
	struct shared_file *sf;
	struct stat st;

	*err = fd < 0 || fstat(fd, &st) < 0 ? -errno : 0;
	if (*err == 0 && !S_ISREG(st.st_mode))
		*err = -EINVAL;
	if (*err == 0)
		*err = file_layout_of(&l, (uint64_t)st.st_size);
	sf = *err == 0 ? make(&l, err) : NULL;
	if (sf == NULL) {
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	sf->fd = fd;
	*err = hash_pieces(sf);
	if (*err == 0)
		*err = root_make(sf, path);
	if (*err == 0)
		*err = ranges_add(&sf->have, 0, file_last_index(&l));
	sf->bytes = l.length;
	if (*err == 0)
		return sf;
	shared_file_close(sf);
	return NULL;
}

// ---- the growing one ----

// PATH.state: the length of the root, the root, then lists, each at its place.
static uint64_t state_at(const struct shared_file *sf, uint32_t list)
{
	return 4 + sf->root_len + (uint64_t)list * FILE_HASHES_PER_LIST * FILE_HASH_LEN;
}

static uint8_t *list_of(const struct shared_file *sf, uint32_t list)
{
	return sf->hashes[(uint64_t)list * FILE_HASHES_PER_LIST];
}

static const uint8_t *list_hash(const struct shared_file *sf, uint32_t list)
{
	return sf->parsed.list_hashes + (size_t)list * FILE_HASH_LEN;
}

static int state_begin(struct shared_file *sf)
{
	uint8_t len[4];
	int err;

	be32_put(len, sf->root_len);
	err = write_at(sf->state_fd, len, sizeof(len), 0);
	return err != 0 ? err : write_at(sf->state_fd, sf->root, sf->root_len, sizeof(len));
}

// 0: it is of this root; -ENODATA: nobody has begun yet.
static int state_check(const struct shared_file *sf)
{
	uint8_t len[4], root[FILE_ROOT_MAX];
	int err = read_at(sf->state_fd, len, sizeof(len), 0);

	if (err != 0)
		return err;
	if (be32_get(len) != sf->root_len)
		return -EEXIST;
	err = read_at(sf->state_fd, root, sf->root_len, sizeof(len));
	if (err != 0)
		return err;
	return memcmp(root, sf->root, sf->root_len) == 0 ? 0 : -EEXIST;
}

// Octets of a file that was cut short are missing, not wrong.
static bool is_there(int fd, void *to, uint32_t len, uint64_t at, const uint8_t *hash)
{
	return read_at(fd, to, len, at) == 0 && is_hash_of(hash, to, len);
}

// Holes are zeros, and zeros may be what is to be there.
static int pieces_verify(struct shared_file *sf, uint32_t list, uint8_t *piece)
{
	uint64_t first = (uint64_t)list * FILE_HASHES_PER_LIST;
	uint64_t end = first + file_list_len(&sf->layout, list) / FILE_HASH_LEN;
	int err = 0;

	for (uint64_t i = first; i < end && err == 0; i++) {
		uint32_t len = file_piece_len(&sf->layout, i);
		uint64_t index = file_index_of_piece(&sf->layout, i);

		if (!is_there(sf->fd, piece, len, i * sf->layout.piece_len, sf->hashes[i]))
			continue;
		err = ranges_add(&sf->have, index, index);
		sf->bytes += len;
	}
	return err;
}

static int state_take(struct shared_file *sf)
{
	uint8_t *piece = malloc(sf->layout.piece_len);
	int err = piece != NULL ? 0 : -ENOMEM;

	for (uint32_t i = 0; i < sf->layout.n_lists && err == 0; i++) {
		uint64_t index = file_index_of_list(i);

		if (!is_there(sf->state_fd, list_of(sf, i), file_list_len(&sf->layout, i),
			      state_at(sf, i), list_hash(sf, i)))
			continue;
		err = ranges_add(&sf->have, index, index);
		if (err == 0)
			err = pieces_verify(sf, i, piece);
	}
	free(piece);
	return err;
}

static int parts_open(struct shared_file *sf, const char *path)
{
	int err;

	if (snprintf(sf->path, PATH_TEXT_MAX, "%s", path) >= PATH_TEXT_MAX ||
	    snprintf(sf->part, PATH_TEXT_MAX, "%s.part", path) >= PATH_TEXT_MAX ||
	    snprintf(sf->state, PATH_TEXT_MAX, "%s.state", path) >= PATH_TEXT_MAX)
		return -ENAMETOOLONG;
	sf->state_fd = open(sf->state, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (sf->state_fd < 0)
		return -errno;
	err = state_check(sf);
	if (err == -EEXIST)
		return err;
	sf->fd = open(sf->part, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (sf->fd < 0)
		return -errno;
	if (err == -ENODATA)
		err = state_begin(sf);
	if (err == 0)
		err = state_take(sf);
	if (err == 0 && ftruncate(sf->fd, (off_t)sf->layout.length) < 0)
		err = -errno;
	return err;
}

struct shared_file *shared_file_create(const char *path, struct span root, int *err)
{
	struct file_root parsed;
	struct shared_file *sf;

	*err = file_root_read(&parsed, root);
	sf = *err == 0 ? make(&parsed.layout, err) : NULL;
	if (sf == NULL)
		return NULL;
	*err = root_keep(sf, root);
	if (*err == 0)
		*err = parts_open(sf, path);
	if (*err == 0)
		return sf;
	shared_file_close(sf);
	return NULL;
}

// ---- what there is ----

const struct file_layout *shared_file_layout(const struct shared_file *sf)
{
	return &sf->layout;
}

void shared_file_hash(const struct shared_file *sf, uint8_t hash[FILE_HASH_LEN])
{
	memcpy(hash, sf->hash, FILE_HASH_LEN);
}

struct span shared_file_name(const struct shared_file *sf)
{
	return sf->parsed.name;
}

const struct ranges *shared_file_have(const struct shared_file *sf)
{
	return &sf->have;
}

uint64_t shared_file_bytes(const struct shared_file *sf)
{
	return sf->bytes;
}

bool shared_file_is_whole(const struct shared_file *sf)
{
	return sf->have.n == 1 && sf->have.at[0].last == file_last_index(&sf->layout);
}

// The piece behind the last one of this list.
static uint64_t list_end(const struct shared_file *sf, uint32_t list)
{
	return file_index_of_piece(&sf->layout,
				   (uint64_t)list * FILE_HASHES_PER_LIST +
					   file_list_len(&sf->layout, list) / FILE_HASH_LEN);
}

bool shared_file_next_wanted(const struct shared_file *sf, uint64_t from, struct index_range *out)
{
	uint64_t last = file_last_index(&sf->layout), number;

	while (ranges_next_out(&sf->have, from, last, out)) {
		uint32_t list;

		if (file_part_of(&sf->layout, out->first, &number) != FILE_PIECE) {
			if (out->last > sf->layout.n_lists)
				out->last = sf->layout.n_lists;
			return true;
		}
		list = (uint32_t)(number / FILE_HASHES_PER_LIST);
		from = list_end(sf, list);
		if (!ranges_has(&sf->have, file_index_of_list(list)))
			continue;
		if (out->last >= from)
			out->last = from - 1;
		return true;
	}
	return false;
}

// ---- objects ----

static int piece_read(struct shared_file *sf, uint64_t piece, uint8_t *buffer, uint32_t *len)
{
	int err;

	*len = file_piece_len(&sf->layout, piece);
	err = read_at(sf->fd, buffer, *len, piece * sf->layout.piece_len);
	if (err == -ENODATA || (err == 0 && !is_hash_of(sf->hashes[piece], buffer, *len)))
		return -ESTALE;
	return err;
}

int shared_file_read(struct shared_file *sf, uint64_t index, uint8_t *buffer, uint32_t *len)
{
	uint64_t number;

	if (!ranges_has(&sf->have, index))
		return -ENOENT;
	switch (file_part_of(&sf->layout, index, &number)) {
	case FILE_ROOT:
		*len = sf->root_len;
		memcpy(buffer, sf->root, *len);
		return 0;
	case FILE_LIST:
		*len = file_list_len(&sf->layout, (uint32_t)number);
		memcpy(buffer, list_of(sf, (uint32_t)number), *len);
		return 0;
	case FILE_PIECE:
		return piece_read(sf, number, buffer, len);
	default:
		return -ENOENT;
	}
}

static int list_take(struct shared_file *sf, uint32_t list, struct span object)
{
	if (object.len != file_list_len(&sf->layout, list) ||
	    !is_hash_of(list_hash(sf, list), object.data, object.len))
		return -EBADMSG;
	memcpy(list_of(sf, list), object.data, object.len);
	return write_at(sf->state_fd, object.data, object.len, state_at(sf, list));
}

static int piece_take(struct shared_file *sf, uint64_t piece, struct span object)
{
	uint32_t list = (uint32_t)(piece / FILE_HASHES_PER_LIST);
	int err;

	if (!ranges_has(&sf->have, file_index_of_list(list)))
		return -EAGAIN; // nobody could say whether it is the right one
	if (object.len != file_piece_len(&sf->layout, piece) ||
	    !is_hash_of(sf->hashes[piece], object.data, object.len))
		return -EBADMSG;
	err = write_at(sf->fd, object.data, object.len, piece * sf->layout.piece_len);
	if (err == 0)
		sf->bytes += object.len;
	return err;
}

int shared_file_take(struct shared_file *sf, uint64_t index, struct span object)
{
	uint64_t number;
	int err;

	if (ranges_has(&sf->have, index))
		return 1;
	switch (file_part_of(&sf->layout, index, &number)) {
	case FILE_LIST:
		err = list_take(sf, (uint32_t)number, object);
		break;
	case FILE_PIECE:
		err = piece_take(sf, number, object);
		break;
	default:
		return -EBADMSG;
	}
	return err != 0 ? err : ranges_add(&sf->have, index, index);
}

int shared_file_finish(struct shared_file *sf)
{
	if (!shared_file_is_whole(sf))
		return -EAGAIN;
	if (sf->state_fd < 0)
		return 0;
	if (fsync(sf->fd) < 0 || rename(sf->part, sf->path) < 0)
		return -errno;
	unlink(sf->state);
	close(sf->state_fd);
	sf->state_fd = -1;
	return 0;
}
