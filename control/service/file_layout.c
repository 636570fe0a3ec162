#include "control/service/file_layout.h"

#include <errno.h>
#include <string.h>

static const uint8_t magic[4] = {0x41, 0x4e, 0x46, 0x31}; // ANF1

static uint64_t divide_up(uint64_t n, uint64_t by)
{
	return n / by + (n % by != 0);
}

int file_layout_with(struct file_layout *l, uint64_t length, uint64_t piece_len)
{
	uint64_t n_lists;

	if (piece_len < FILE_PIECE_MIN || piece_len > FILE_PIECE_MAX ||
	    (piece_len & (piece_len - 1)) != 0)
		return -EBADMSG;
	*l = (struct file_layout){.length = length, .piece_len = (uint32_t)piece_len};
	l->n_pieces = divide_up(length, piece_len);
	n_lists = divide_up(l->n_pieces, FILE_HASHES_PER_LIST);
	if (n_lists > FILE_LISTS_MAX)
		return -EBADMSG;
	l->n_lists = (uint32_t)n_lists;
	return 0;
}

int file_layout_of(struct file_layout *l, uint64_t length)
{
	for (uint32_t len = FILE_PIECE_USUAL; len <= FILE_PIECE_MAX; len *= 2)
		if (file_layout_with(l, length, len) == 0)
			return 0;
	return -EFBIG;
}

uint64_t file_index_of_list(uint32_t list)
{
	return 1 + (uint64_t)list;
}

uint64_t file_index_of_piece(const struct file_layout *l, uint64_t piece)
{
	return 1 + l->n_lists + piece;
}

uint64_t file_last_index(const struct file_layout *l)
{
	return l->n_lists + l->n_pieces;
}

enum file_part file_part_of(const struct file_layout *l, uint64_t index, uint64_t *number)
{
	*number = 0;
	if (index == 0)
		return FILE_ROOT;
	if (index > file_last_index(l))
		return FILE_NOTHING;
	*number = index - 1;
	if (*number < l->n_lists)
		return FILE_LIST;
	*number -= l->n_lists;
	return FILE_PIECE;
}

uint32_t file_list_len(const struct file_layout *l, uint32_t list)
{
	uint64_t left = l->n_pieces - (uint64_t)list * FILE_HASHES_PER_LIST;

	return (uint32_t)(left < FILE_HASHES_PER_LIST ? left : FILE_HASHES_PER_LIST) *
	       FILE_HASH_LEN;
}

uint32_t file_piece_len(const struct file_layout *l, uint64_t piece)
{
	uint64_t left = l->length - piece * l->piece_len;

	return (uint32_t)(left < l->piece_len ? left : l->piece_len);
}

int file_root_read(struct file_root *root, struct span object)
{
	struct rd r = rd_over_span(object);
	uint64_t length, piece_len, n_lists;

	if (!span_equal(rd_bytes(&r, sizeof(magic)), span_of(magic, sizeof(magic))))
		rd_fail(&r);
	length = rd_vlu(&r);
	piece_len = rd_vlu(&r);
	n_lists = rd_vlu(&r);
	if (r.err != 0 || file_layout_with(&root->layout, length, piece_len) != 0 ||
	    n_lists != root->layout.n_lists)
		return -EBADMSG;
	root->list_hashes = rd_bytes(&r, n_lists * FILE_HASH_LEN).data;
	root->name = rd_rest(&r);
	if (root->name.len > FILE_NAME_MAX)
		rd_fail(&r);
	return r.err;
}

int file_root_write(struct wr *w, const struct file_root *root)
{
	struct wr_point start = wr_mark(w);

	wr_bytes(w, magic, sizeof(magic));
	wr_vlu(w, root->layout.length);
	wr_vlu(w, root->layout.piece_len);
	wr_vlu(w, root->layout.n_lists);
	wr_bytes(w, root->list_hashes, (size_t)root->layout.n_lists * FILE_HASH_LEN);
	wr_put_span(w, root->name);
	return wr_finish(w, start);
}
