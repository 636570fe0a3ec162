// Object 0 of a group, which a stranger gives: the root of a shared file (docs/spx.md). Whatever
// parses is written the same; of every index it says one thing; and no list or piece that it did
// not name is taken.
#include <assert.h>

#include "control/service/file_tree.h"
#include "tests/fuzz/oracle.h"

#define INDICES 64 // looked at from either end

static void check_index(const struct file_layout *l, uint64_t index)
{
	uint64_t number;

	switch (file_part_of(l, index, &number)) {
	case FILE_ROOT:
		assert(index == 0);
		break;
	case FILE_LIST:
		assert(number < l->n_lists && file_index_of_list((uint32_t)number) == index);
		assert(file_list_len(l, (uint32_t)number) > 0);
		break;
	case FILE_PIECE:
		assert(number < l->n_pieces && file_index_of_piece(l, number) == index);
		assert(file_piece_len(l, number) > 0 && file_piece_len(l, number) <= l->piece_len);
		break;
	case FILE_NOTHING:
		assert(index > file_last_index(l));
	}
}

static int run(const uint8_t *data, size_t size)
{
	static uint8_t octets[FILE_ROOT_MAX];
	struct wr w = wr_over(octets, sizeof(octets));
	struct file_root root, again;
	uint64_t last;

	if (size > FILE_ROOT_MAX || file_root_read(&root, span_of(data, size)) != 0)
		return 0;
	assert(file_root_write(&w, &root) == 0 &&
	       w.len <= size); // numbers may be longer than need be
	assert(file_root_read(&again, wr_span(&w)) == 0);
	assert(memcmp(&again.layout, &root.layout, sizeof(root.layout)) == 0);
	assert(span_equal(again.name, root.name));
	last = file_last_index(&root.layout);
	assert(last <= OBJECT_INDEX_MAX);
	for (uint64_t i = 0; i < INDICES; i++) {
		check_index(&root.layout, i);
		check_index(&root.layout, last + INDICES / 2 - i < last + INDICES
						  ? last + INDICES / 2 - i
						  : last);
	}
	return 0;
}

// A root of a file of many lists.
static size_t usual(uint8_t *to, size_t len)
{
	static const uint8_t hash[FILE_HASH_LEN];
	struct file_root root = {.name = span_of(NULL, 0)};
	uint64_t n_lists = len / FILE_HASH_LEN;
	struct wr w = wr_over(to, len);

	if (n_lists < 2 || file_layout_of(&root.layout, (n_lists - 1) * FILE_HASHES_PER_LIST *
								FILE_PIECE_USUAL) != 0)
		return 0;
	wr_bytes(&w, "ANF1", 4);
	wr_vlu(&w, root.layout.length);
	wr_vlu(&w, root.layout.piece_len);
	wr_vlu(&w, root.layout.n_lists);
	for (uint32_t i = 0; i < root.layout.n_lists; i++)
		wr_bytes(&w, hash, FILE_HASH_LEN);
	return w.err == 0 ? w.len : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct oracle o = {.run = run, .usual = usual};

	oracle_run(&o, data, size);
	return 0;
}
