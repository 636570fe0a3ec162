#include "control/service/shared_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/service/file_tree.h"
#include "crypto/sha.h"

// Pieces fetched in any order leave at most as many ranges as pieces.
#define HAVE_RANGES_MAX UINT32_MAX
#define PATH_TEXT_MAX   4096

struct shared_file {
	struct file_layout layout;
	struct file_tree tree;
	int fd, state_fd;   // state_fd: -1: it is whole
	struct ranges have; // indices
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

// ---- life ----

static struct shared_file *make(int *err)
{
	struct shared_file *sf = calloc(1, sizeof(*sf));

	*err = sf != NULL ? 0 : -ENOMEM;
	if (sf == NULL)
		return NULL;
	sf->fd = sf->state_fd = -1;
	ranges_init(&sf->have, HAVE_RANGES_MAX);
	return sf;
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
	file_tree_clear(&sf->tree);
	free(sf);
}

static int root_keep(struct shared_file *sf, struct span root)
{
	int err = file_tree_init(&sf->tree, root);

	if (err != 0)
		return err;
	sf->layout = sf->tree.root.layout;
	return ranges_add(&sf->have, 0, 0);
}

// ---- the whole one ----

static int hash_pieces(struct shared_file *sf, uint8_t (*hashes)[FILE_HASH_LEN])
{
	uint8_t *piece = malloc(sf->layout.piece_len);
	int err = piece != NULL ? 0 : -ENOMEM;

	for (uint64_t i = 0; i < sf->layout.n_pieces && err == 0; i++) {
		uint32_t len = file_piece_len(&sf->layout, i);

		err = read_at(sf->fd, piece, len, i * sf->layout.piece_len);
		sha256(piece, len, hashes[i]);
	}
	free(piece);
	return err;
}

static struct span list_over(const struct shared_file *sf, uint8_t (*hashes)[FILE_HASH_LEN],
			     uint32_t list)
{
	return span_of(hashes[(uint64_t)list * FILE_HASHES_PER_LIST],
		       file_list_len(&sf->layout, list));
}

static int root_make(struct shared_file *sf, uint8_t (*hashes)[FILE_HASH_LEN], const char *path)
{
	static uint8_t octets[FILE_ROOT_MAX];
	uint8_t(*lists)[FILE_HASH_LEN] = calloc(sf->layout.n_lists + 1u, FILE_HASH_LEN);
	const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;
	struct wr w = wr_over(octets, sizeof(octets));
	struct file_root root = {.layout = sf->layout, .name = span_of(name, strlen(name))};
	int err;

	if (lists == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < sf->layout.n_lists; i++) {
		struct span list = list_over(sf, hashes, i);

		sha256(list.data, list.len, lists[i]);
	}
	root.list_hashes = lists[0];
	if (root.name.len > FILE_NAME_MAX)
		root.name.len = FILE_NAME_MAX;
	err = file_root_write(&w, &root);
	free(lists);
	if (err == 0)
		err = root_keep(sf, wr_span(&w));
	for (uint32_t i = 0; i < sf->layout.n_lists && err == 0; i++)
		err = file_tree_learn(&sf->tree, i, list_over(sf, hashes, i));
	return err;
}

static int source_read(struct shared_file *sf, const char *path)
{
	uint64_t n = sf->layout.n_pieces;
	uint8_t(*hashes)[FILE_HASH_LEN] = calloc(n > 0 ? n : 1, FILE_HASH_LEN);
	int err = hashes != NULL ? hash_pieces(sf, hashes) : -ENOMEM;

	if (err == 0)
		err = root_make(sf, hashes, path);
	free(hashes);
	return err;
}

struct shared_file *shared_file_open(const char *path, int *err)
{
	struct shared_file *sf = make(err);
	struct stat st;

	if (sf == NULL)
		return NULL;
	sf->fd = open(path, O_RDONLY | O_CLOEXEC);
	*err = sf->fd < 0 || fstat(sf->fd, &st) < 0 ? -errno : 0;
	if (*err == 0 && !S_ISREG(st.st_mode))
		*err = -EINVAL;
	if (*err == 0)
		*err = file_layout_of(&sf->layout, (uint64_t)st.st_size);
	if (*err == 0)
		*err = source_read(sf, path);
	if (*err == 0)
		*err = ranges_add(&sf->have, 0, file_last_index(&sf->layout));
	sf->bytes = sf->layout.length;
	if (*err == 0)
		return sf;
	shared_file_close(sf);
	return NULL;
}

// ---- the growing one ----

// PATH.state: the length of the root, the root, then lists, each at its place.
static uint64_t state_at(const struct shared_file *sf, uint32_t list)
{
	return 4 + sf->tree.root_len + (uint64_t)list * FILE_HASHES_PER_LIST * FILE_HASH_LEN;
}

static int state_begin(struct shared_file *sf)
{
	uint8_t len[4];
	int err;

	be32_put(len, sf->tree.root_len);
	err = write_at(sf->state_fd, len, sizeof(len), 0);
	return err != 0 ? err
			: write_at(sf->state_fd, sf->tree.root_octets, sf->tree.root_len,
				   sizeof(len));
}

// 0: it is of this root; -ENODATA: nobody has begun yet.
static int state_check(const struct shared_file *sf)
{
	uint8_t len[4], root[FILE_ROOT_MAX];
	int err = read_at(sf->state_fd, len, sizeof(len), 0);

	if (err != 0)
		return err;
	if (be32_get(len) != sf->tree.root_len)
		return -EEXIST;
	err = read_at(sf->state_fd, root, sf->tree.root_len, sizeof(len));
	if (err != 0)
		return err;
	return memcmp(root, sf->tree.root_octets, sf->tree.root_len) == 0 ? 0 : -EEXIST;
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

		// What was cut short is missing, not wrong.
		if (read_at(sf->fd, piece, len, i * sf->layout.piece_len) != 0 ||
		    file_tree_check(&sf->tree, i, span_of(piece, len)) != 0)
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
		uint8_t *octets = file_tree_list(&sf->tree, i);
		uint32_t len = file_list_len(&sf->layout, i);

		if (read_at(sf->state_fd, octets, len, state_at(sf, i)) != 0 ||
		    file_tree_learn(&sf->tree, i, span_of(octets, len)) != 0)
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
	struct shared_file *sf = make(err);

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
	memcpy(hash, sf->tree.hash, FILE_HASH_LEN);
}

struct span shared_file_name(const struct shared_file *sf)
{
	return sf->tree.root.name;
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

bool shared_file_next_wanted(const struct shared_file *sf, uint64_t from, struct index_range *out)
{
	return file_tree_next_wanted(&sf->tree, &sf->have, from, out);
}

// ---- objects ----

static int piece_read(struct shared_file *sf, uint64_t piece, uint8_t *buffer, uint32_t *len)
{
	int err;

	*len = file_piece_len(&sf->layout, piece);
	err = read_at(sf->fd, buffer, *len, piece * sf->layout.piece_len);
	if (err == -ENODATA ||
	    (err == 0 && file_tree_check(&sf->tree, piece, span_of(buffer, *len)) != 0))
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
		*len = sf->tree.root_len;
		memcpy(buffer, sf->tree.root_octets, *len);
		return 0;
	case FILE_LIST:
		*len = file_list_len(&sf->layout, (uint32_t)number);
		memcpy(buffer, file_tree_list(&sf->tree, (uint32_t)number), *len);
		return 0;
	case FILE_PIECE:
		return piece_read(sf, number, buffer, len);
	default:
		return -ENOENT;
	}
}

static int list_take(struct shared_file *sf, uint32_t list, struct span object)
{
	int err = file_tree_learn(&sf->tree, list, object);

	return err != 0 ? err : write_at(sf->state_fd, object.data, object.len, state_at(sf, list));
}

static int piece_take(struct shared_file *sf, uint64_t piece, struct span object)
{
	int err = file_tree_check(&sf->tree, piece, object);

	if (err == 0)
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
