#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "control/group/groupspec.h"

static const uint8_t unique[32] = {1, 2, 3};
static const uint8_t peers[2][32] = {{0xaa}, {0xbb}};

static const struct {
	const char *what;
	struct groupspec_build build;
	const char *want; // with authorizations; "|" where they begin
} cases[] = {
	{"version 1, nothing but a name", {.name = "test", .is_v1 = true}, "G:050e7465737400"},
	{"version 2 says so first", {.name = "test"}, "G:027f02050e7465737400"},
	{"the order of GroupSpecifier",
	 {.name = "t",
	  .multicast = true,
	  .posting = true,
	  .routing = true,
	  .replication = true,
	  .server_channel = true},
	 "G:027f02010001010102010301"
	 "0c020e7400"},
	{"a password gives a hash and an authorization",
	 {.name = "t", .is_v1 = true, .publish_password = "password"},
	 "G:21055e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8020e7400"
	 "|091570617373776f7264"},
};

static void texts_are_written_in_the_players_order(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char want[1024], got[1024];
		char *bar;

		strcpy(want, cases[i].want);
		bar = strchr(want, '|');
		if (bar != NULL)
			*bar = '\0';
		assert_int_equal(groupspec_write(&cases[i].build, false, got, sizeof(got)), 0);
		assert_string_equal(got, want);
		if (bar != NULL)
			strcpy(bar, strchr(cases[i].want, '|') + 1);
		assert_int_equal(groupspec_write(&cases[i].build, true, got, sizeof(got)), 0);
		assert_string_equal(got, want);
	}
}

static void what_is_written_reads_back(void **state)
{
	struct groupspec_build b = {.name = "all",
				    .multicast = true,
				    .posting = true,
				    .routing = true,
				    .replication = true,
				    .server_channel = true,
				    .publish_password = "pub",
				    .posting_password = "post",
				    .salt = (const uint8_t *)"salty",
				    .salt_len = 5,
				    .unique = unique,
				    .bootstrap = peers,
				    .n_bootstrap = 2};
	struct groupspec with, without;
	char text[2048];
	const char *why;
	uint32_t at;

	assert_int_equal(groupspec_write(&b, true, text, sizeof(text)), 0);
	assert_int_equal(groupspec_parse(&with, text, &why, &at), 0);
	assert_int_equal(groupspec_write(&b, false, text, sizeof(text)), 0);
	assert_int_equal(groupspec_parse(&without, text, &why, &at), 0);
	assert_memory_equal(with.id, without.id, 32);
	assert_true(with.multicast && with.posting && with.routing && with.replication &&
		    with.server_channel);
	assert_string_equal(with.name, "all");
	assert_true(with.has_unique);
	assert_memory_equal(with.unique, unique, 32);
	assert_int_equal(with.n_bootstrap, 2);
	assert_memory_equal(with.bootstrap, peers, 64);
	assert_true(groupspec_may_publish(&with) && groupspec_may_post(&with));
	assert_false(groupspec_may_publish(&without) || groupspec_may_post(&without));
}

static void every_length_too_small_is_refused(void **state)
{
	struct groupspec_build b = {.name = "test"};
	char text[64];
	uint32_t need = strlen("G:027f02050e7465737400") + 1;

	for (uint32_t max = 0; max < need; max++)
		assert_int_equal(groupspec_write(&b, false, text, max), -ENOSPC);
	assert_int_equal(groupspec_write(&b, false, text, need), 0);
}

static void what_cannot_be_read_back_is_not_written(void **state)
{
	char name[300], text[4200];
	struct groupspec_build b = {.name = NULL};

	assert_int_equal(groupspec_write(&b, false, text, sizeof(text)), -EINVAL);
	b.name = "";
	assert_int_equal(groupspec_write(&b, false, text, sizeof(text)), -EINVAL);
	memset(name, 'n', sizeof(name));
	name[256] = '\0';
	b.name = name;
	assert_int_equal(groupspec_write(&b, false, text, sizeof(text)), -EINVAL);
	name[255] = '\0';
	assert_int_equal(groupspec_write(&b, false, text, sizeof(text)), 0);
	b.salt_len = 65;
	assert_int_equal(groupspec_write(&b, false, text, sizeof(text)), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_are_written_in_the_players_order),
		cmocka_unit_test(what_is_written_reads_back),
		cmocka_unit_test(every_length_too_small_is_refused),
		cmocka_unit_test(what_cannot_be_read_back_is_not_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
