#include "control/bin/daemon/groupspec_hook.h"

#include "control/group/groupspec.h"
#include "tests/support/test.h"

static void a_groupspec_gives_its_group_id(void **state)
{
	static const char text[] = "G:027f020101010c060e7363656e6500";
	struct groupspec g;
	const char *reason;
	char why[160];
	uint8_t id[32];
	uint32_t at;

	assert_int_equal(
		groupspec_hooks.groupspec_check(NULL, text, strlen(text), id, why, sizeof(why)), 0);
	assert_int_equal(groupspec_parse(&g, text, &reason, &at), 0);
	assert_memory_equal(id, g.id, sizeof(id));
}

static void what_is_wrong_is_told_with_its_place(void **state)
{
	static const struct {
		const char *name, *text, *why;
	} rows[] = {
		{"no prefix", "012z", "character 1"},
		{"no digit", "G:012z", "character 6"},
		{"cut in an option", "G:027f", ""},
		{"empty", "", "character 1"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char why[160] = "";
		uint8_t id[32];

		assert_row(groupspec_hooks.groupspec_check(NULL, rows[i].text, strlen(rows[i].text),
							   id, why, sizeof(why)) < 0,
			   rows[i].name);
		assert_row(why[0] != '\0' && strstr(why, rows[i].why) != NULL, rows[i].name);
	}
}

static void a_text_beyond_the_limit_is_refused_unread(void **state)
{
	static char text[GROUPSPEC_TEXT_MAX + 2];
	char why[160];
	uint8_t id[32];

	memset(text, '0', sizeof(text));
	assert_true(groupspec_hooks.groupspec_check(NULL, text, GROUPSPEC_TEXT_MAX + 1, id, why,
						    sizeof(why)) < 0);
	assert_non_null(strstr(why, "more than the 4096"));
}

static void the_configuration_points_at_it(void **state)
{
	static const char text[] = "backend: udp\ngroups:\n- name: x\n  spec: \"G:012z\"\n";
	const struct config *cfg;
	char *errors;
	size_t len;
	FILE *f = open_memstream(&errors, &len);

	assert_non_null(f);
	assert_true(config_load_text("a.yaml", text, strlen(text), &groupspec_hooks, f, &cfg) < 0);
	fclose(f);
	assert_non_null(strstr(errors, "a.yaml:4:9: error: not a groupspec: "));
	assert_non_null(strstr(errors, "at character 6"));
	free(errors);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_groupspec_gives_its_group_id),
		cmocka_unit_test(what_is_wrong_is_told_with_its_place),
		cmocka_unit_test(a_text_beyond_the_limit_is_refused_unread),
		cmocka_unit_test(the_configuration_points_at_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
