#include "tests/unit/config/config_test.h"

#include <ctype.h>

#include "config/schema.h"

// The loader keeps one cell per row on its stack (KEYS_MAX in load.c).
static void the_table_fits_the_loader(void **state)
{
	assert_true(schema_n_keys > 0 && schema_n_keys <= 128);
}

static void every_row_has_a_path_of_its_own_and_a_sentence(void **state)
{
	for (size_t i = 0; i < schema_n_keys; i++) {
		const struct schema_key *k = &schema_keys[i];

		assert_non_null(k->sentence);
		assert_true(isupper((unsigned char)k->sentence[0]) ||
			    strncmp(k->sentence, "auto", 4) == 0 ||
			    strncmp(k->sentence, "stderr", 6) == 0);
		assert_int_equal(k->sentence[strlen(k->sentence) - 1], '.');
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(k->path, schema_keys[j].path);
	}
}

// So that printing the rows in their order gives a file with every key in its section.
static void a_row_stands_behind_its_section_with_nothing_foreign_between(void **state)
{
	for (size_t i = 1; i < schema_n_keys; i++) {
		const char *dot = strrchr(schema_keys[i].path, '.');
		size_t len = dot != NULL ? (size_t)(dot - schema_keys[i].path) : 0;
		size_t j = i;

		if (dot == NULL)
			continue;
		if (dot[-1] == ']') // rows of "ports[]" belong to "ports"
			len -= 2;
		while (j-- > 0 && strncmp(schema_keys[j].path, schema_keys[i].path, len) == 0)
			if (strlen(schema_keys[j].path) == len)
				break;
		if (strlen(schema_keys[j].path) != len)
			fail_msg("%s is away from its section", schema_keys[i].path);
		assert_true(schema_keys[j].type == SCHEMA_SECTION ||
			    schema_keys[j].type == SCHEMA_BLOCKS);
	}
}

// Two rows with one field would overwrite each other.
static void no_two_rows_share_a_field(void **state)
{
	for (size_t i = 0; i < schema_n_keys; i++)
		for (size_t j = 0; j < i; j++) {
			const struct schema_key *a = &schema_keys[i], *b = &schema_keys[j];
			size_t a_item = strcspn(a->path, "["), b_item = strcspn(b->path, "[");
			bool is_same_struct = (a->path[a_item] == 0 && b->path[b_item] == 0) ||
					      (a->path[a_item] != 0 && a_item == b_item &&
					       strncmp(a->path, b->path, a_item + 2) == 0);

			if (a->type == SCHEMA_SECTION || b->type == SCHEMA_SECTION ||
			    !is_same_struct)
				continue;
			if (a->offset == b->offset)
				fail_msg("%s and %s", a->path, b->path);
		}
}

static void a_row_is_found_by_section_and_word(void **state)
{
	assert_string_equal(schema_find("", "backend", 7)->path, "backend");
	assert_string_equal(schema_find("endpoints.server", "port", 4)->path,
			    "endpoints.server.port");
	assert_string_equal(schema_find("ports[]", "mtu", 3)->path, "ports[].mtu");
	assert_null(schema_find("", "port", 4));
	assert_null(schema_find("endpoints", "port", 4));
	assert_null(schema_find("endpoints.serve", "port", 4));
	assert_null(schema_find("", "endpoints.server", 16));
	assert_null(schema_find("", "", 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_table_fits_the_loader),
		cmocka_unit_test(every_row_has_a_path_of_its_own_and_a_sentence),
		cmocka_unit_test(a_row_stands_behind_its_section_with_nothing_foreign_between),
		cmocka_unit_test(no_two_rows_share_a_field),
		cmocka_unit_test(a_row_is_found_by_section_and_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
