#include "control/service/file_layout.h"

#include "tests/support/test.h"

static void a_length_is_laid_out_in_one_way(void **state)
{
	static const struct {
		const char *claim;
		uint64_t length;
		int err;
		uint32_t piece_len, n_lists;
		uint64_t n_pieces;
	} rows[] = {
		{"nothing", 0, 0, 65536, 0, 0},
		{"an octet", 1, 0, 65536, 1, 1},
		{"a piece", 65536, 0, 65536, 1, 1},
		{"a piece and an octet", 65537, 0, 65536, 1, 2},
		{"a full list", 2048ull << 16, 0, 65536, 1, 2048},
		{"one piece more", (2048ull << 16) + 1, 0, 65536, 2, 2049},
		{"1 GiB", 1ull << 30, 0, 65536, 8, 16384},
		{"all that 64 KiB pieces can be", 2000 * (2048ull << 16), 0, 65536, 2000, 4096000},
		{"an octet more", 2000 * (2048ull << 16) + 1, 0, 131072, 1001, 2048001},
		{"too much", 2000 * (2048ull << 19) + 1, -EFBIG, 0, 0, 0},
		{"2^64 - 1", UINT64_MAX, -EFBIG, 0, 0, 0},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct file_layout l;

		assert_row(file_layout_of(&l, rows[i].length) == rows[i].err, rows[i].claim);
		if (rows[i].err != 0)
			continue;
		assert_row(l.piece_len == rows[i].piece_len && l.n_lists == rows[i].n_lists &&
				   l.n_pieces == rows[i].n_pieces,
			   rows[i].claim);
	}
}

static void every_index_is_one_thing(void **state)
{
	struct file_layout l;
	uint64_t number, sum = 0;

	assert_int_equal(file_layout_with(&l, 5000 * 16384 + 7, 16384), 0);
	assert_int_equal(file_last_index(&l), 3 + 5001);
	assert_int_equal(file_part_of(&l, 0, &number), FILE_ROOT);
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(file_part_of(&l, file_index_of_list(i), &number), FILE_LIST);
		assert_int_equal(number, i);
	}
	assert_int_equal(file_list_len(&l, 0), 65536);
	assert_int_equal(file_list_len(&l, 2), (5001 - 2 * 2048) * 32);
	for (uint64_t i = 0; i < l.n_pieces; i++) {
		assert_int_equal(file_part_of(&l, file_index_of_piece(&l, i), &number), FILE_PIECE);
		assert_int_equal(number, i);
		sum += file_piece_len(&l, i);
	}
	assert_int_equal(sum, l.length);
	assert_int_equal(file_part_of(&l, 3 + 5002, &number), FILE_NOTHING);
	assert_int_equal(file_part_of(&l, UINT64_MAX, &number), FILE_NOTHING);
}

static void a_root_is_read_as_it_was_written(void **state)
{
	static uint8_t hashes[2 * FILE_HASH_LEN] = {1, 2, 3}, octets[256];
	struct file_root root = {.list_hashes = hashes, .name = span_of("name", 4)}, back;
	struct wr w = wr_over(octets, sizeof(octets));

	file_layout_of(&root.layout, 2049 << 16);
	assert_int_equal(file_root_write(&w, &root), 0);
	assert_int_equal(file_root_read(&back, wr_span(&w)), 0);
	assert_memory_equal(&back.layout, &root.layout, sizeof(root.layout));
	assert_memory_equal(back.list_hashes, hashes, sizeof(hashes));
	assert_true(span_equal(back.name, root.name));
	for (size_t cut = 1; cut <= w.len - 4; cut++) // the name may be any
		assert_int_equal(file_root_read(&back, span_of(octets, w.len - 4 - cut)), -EBADMSG);
}

static void what_contradicts_itself_is_no_root(void **state)
{
	static const struct {
		const char *claim;
		uint64_t length, piece_len, n_lists;
		uint32_t name_len;
		int err;
	} rows[] = {
		{"good", 100000, 65536, 1, 255, 0},
		{"smaller pieces", 100000, 16384, 1, 0, 0},
		{"a list too many", 100000, 65536, 2, 0, -EBADMSG},
		{"a list too few", 100000, 65536, 0, 0, -EBADMSG},
		{"pieces of no power of two", 100000, 65535, 1, 0, -EBADMSG},
		{"pieces of nothing", 100000, 0, 1, 0, -EBADMSG},
		{"too small pieces", 100000, 8192, 1, 0, -EBADMSG},
		{"too big ones", 100000, 1 << 20, 1, 0, -EBADMSG},
		{"as many lists as there are not", UINT64_MAX, 65536,
		 UINT64_MAX / (2048ull << 16) + 1, 0, -EBADMSG},
		{"too long a name", 100000, 65536, 1, 256, -EBADMSG},
	};
	static uint8_t octets[1024];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct wr w = wr_over(octets, sizeof(octets));
		struct file_root root;

		wr_bytes(&w, "ANF1", 4);
		wr_vlu(&w, rows[i].length);
		wr_vlu(&w, rows[i].piece_len);
		wr_vlu(&w, rows[i].n_lists);
		w.len += FILE_HASH_LEN + rows[i].name_len;
		assert_row(file_root_read(&root, wr_span(&w)) == rows[i].err, rows[i].claim);
	}
	octets[0] ^= 1;
	assert_int_equal(file_root_read(&(struct file_root){0}, span_of(octets, 64)), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_length_is_laid_out_in_one_way),
		cmocka_unit_test(every_index_is_one_thing),
		cmocka_unit_test(a_root_is_read_as_it_was_written),
		cmocka_unit_test(what_contradicts_itself_is_no_root),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
