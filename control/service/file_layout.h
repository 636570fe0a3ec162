// How a file lies in the objects of a group (docs/spx.md, "A file"): a root at index 0, lists of
// hashes behind it, then pieces. Everything below the root can be verified.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/wire/cursor.h"

#define FILE_HASH_LEN        32
// Several files in a group: each begins at its number times this.
#define FILE_STRIDE    (UINT64_C(1) << 32)
#define FILES_MAX      4096
#define FILE_HASHES_PER_LIST 2048
#define FILE_LISTS_MAX       2000
#define FILE_PIECE_MIN       (16u << 10)
#define FILE_PIECE_USUAL     (64u << 10)
#define FILE_PIECE_MAX       (512u << 10)
#define FILE_NAME_MAX        255
#define FILE_ROOT_MAX        (4 + 3 * VLU_LEN_MAX + FILE_LISTS_MAX * FILE_HASH_LEN + FILE_NAME_MAX)

struct file_layout {
	uint64_t length;    // octets of the file
	uint32_t piece_len; // of a piece, the last one fewer
	uint32_t n_lists;
	uint64_t n_pieces;
};

// 0, or -EFBIG: it would need pieces that are too big.
int file_layout_of(struct file_layout *, uint64_t length);
// -EBADMSG: no length is laid out so.
int file_layout_with(struct file_layout *, uint64_t length, uint64_t piece_len);

enum file_part {
	FILE_ROOT,
	FILE_LIST,
	FILE_PIECE,
	FILE_NOTHING, // beyond the last piece
};

// What an index is, and the number of the list or piece.
enum file_part file_part_of(const struct file_layout *, uint64_t index, uint64_t *number);
uint64_t file_index_of_list(uint32_t list);
uint64_t file_index_of_piece(const struct file_layout *, uint64_t piece);
uint64_t file_last_index(const struct file_layout *);
uint32_t file_list_len(const struct file_layout *, uint32_t list); // octets
uint32_t file_piece_len(const struct file_layout *, uint64_t piece);

struct file_root {
	struct file_layout layout;
	const uint8_t *list_hashes; // n_lists * FILE_HASH_LEN octets
	struct span name;           // what it was called: for people, not for paths
};

// -EBADMSG also where numbers do not fit each other.
int file_root_read(struct file_root *, struct span object);
int file_root_write(struct wr *, const struct file_root *); // 0 or -ENOBUFS
