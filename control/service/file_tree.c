#include "control/service/file_tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/sha.h"

int file_tree_init(struct file_tree *t, struct span root)
{
	struct file_root parsed;
	uint64_t n_pieces;
	int err = root.len > FILE_ROOT_MAX ? -EBADMSG : file_root_read(&parsed, root);

	if (err != 0)
		return err;
	n_pieces = parsed.layout.n_pieces;
	*t = (struct file_tree){.root_octets = malloc(root.len), .root_len = (uint32_t)root.len};
	t->hashes = calloc(n_pieces > 0 ? n_pieces : 1, FILE_HASH_LEN);
	if (t->root_octets == NULL || t->hashes == NULL) {
		file_tree_clear(t);
		return -ENOMEM;
	}
	memcpy(t->root_octets, root.data, root.len);
	sha256(root.data, root.len, t->hash);
	ranges_init(&t->lists, FILE_LISTS_MAX);
	return file_root_read(&t->root, span_of(t->root_octets, root.len));
}

void file_tree_clear(struct file_tree *t)
{
	free(t->root_octets);
	free(t->hashes);
	ranges_clear(&t->lists);
	*t = (struct file_tree){.root_octets = NULL};
}

bool file_tree_has_list(const struct file_tree *t, uint32_t list)
{
	return ranges_has(&t->lists, list);
}

uint8_t *file_tree_list(const struct file_tree *t, uint32_t list)
{
	return t->hashes[(uint64_t)list * FILE_HASHES_PER_LIST];
}

static bool is_hash_of(const uint8_t hash[FILE_HASH_LEN], struct span octets)
{
	uint8_t real[FILE_HASH_LEN];

	sha256(octets.data, octets.len, real);
	return memcmp(real, hash, FILE_HASH_LEN) == 0;
}

int file_tree_learn(struct file_tree *t, uint32_t list, struct span object)
{
	const uint8_t *hash = t->root.list_hashes + (size_t)list * FILE_HASH_LEN;

	if (object.len != file_list_len(&t->root.layout, list) || !is_hash_of(hash, object))
		return -EBADMSG;
	if (object.data != file_tree_list(t, list)) // it may have been read into its place
		memcpy(file_tree_list(t, list), object.data, object.len);
	return ranges_add(&t->lists, list, list);
}

int file_tree_check(const struct file_tree *t, uint64_t piece, struct span object)
{
	if (!file_tree_has_list(t, (uint32_t)(piece / FILE_HASHES_PER_LIST)))
		return -EAGAIN;
	if (object.len != file_piece_len(&t->root.layout, piece) ||
	    !is_hash_of(t->hashes[piece], object))
		return -EBADMSG;
	return 0;
}

// The index behind the list's last piece.
static uint64_t list_end(const struct file_tree *t, uint32_t list)
{
	uint64_t first = (uint64_t)list * FILE_HASHES_PER_LIST;

	return file_index_of_piece(&t->root.layout,
				   first + file_list_len(&t->root.layout, list) / FILE_HASH_LEN);
}

bool file_tree_next_wanted(const struct file_tree *t, const struct ranges *have, uint64_t from,
			   struct index_range *out)
{
	const struct file_layout *l = &t->root.layout;
	uint64_t number;

	while (ranges_next_out(have, from, file_last_index(l), out)) {
		uint32_t list;

		if (file_part_of(l, out->first, &number) != FILE_PIECE) {
			if (out->last > l->n_lists)
				out->last = l->n_lists;
			return true;
		}
		list = (uint32_t)(number / FILE_HASHES_PER_LIST);
		from = list_end(t, list);
		if (!file_tree_has_list(t, list))
			continue;
		if (out->last >= from)
			out->last = from - 1;
		return true;
	}
	return false;
}
