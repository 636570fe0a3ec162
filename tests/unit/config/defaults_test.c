#include "tests/unit/config/config_test.h"

#include "config/schema.h"

static void defaults(char **text)
{
	size_t len;
	FILE *f = open_memstream(text, &len);

	assert_int_equal(config_defaults_print(f), 0);
	fclose(f);
}

static void the_printed_file_loads(void **state)
{
	char *text;
	struct loaded l;

	defaults(&text);
	l = load(text, NULL);

	assert_string_equal(l.errors, "");
	assert_int_equal(l.cfg->n_ports, 1);
	assert_int_equal(l.cfg->n_groups, 0);
	free(text);
	unload(&l);
}

// What is printed as a default is what a file without the key gets.
static void the_printed_values_are_the_defaults(void **state)
{
	char *text;
	struct loaded full, bare = load("backend: udp\n", NULL);

	defaults(&text);
	full = load(text, NULL);

	assert_int_equal(bare.cfg->server.port, 1935);
	assert_int_equal(bare.cfg->member.port, 1936);
	assert_memory_equal(&full.cfg->limits, &bare.cfg->limits, sizeof(full.cfg->limits));
	assert_memory_equal(&full.cfg->security, &bare.cfg->security, sizeof(full.cfg->security));
	assert_memory_equal(&full.cfg->keepalive, &bare.cfg->keepalive,
			    sizeof(full.cfg->keepalive));
	assert_int_equal(full.cfg->eal.memory_bytes, bare.cfg->eal.memory_bytes);
	assert_string_equal(full.cfg->identity_file, bare.cfg->identity_file);
	free(text);
	unload(&full);
	unload(&bare);
}

static void every_key_is_in_it(void **state)
{
	char *text;

	defaults(&text);
	for (size_t i = 0; i < schema_n_keys; i++) {
		const char *dot = strrchr(schema_keys[i].path, '.');
		char word[80];

		snprintf(word, sizeof(word), "%s:", dot != NULL ? dot + 1 : schema_keys[i].path);
		if (strstr(text, word) == NULL)
			fail_msg("%s is not there", schema_keys[i].path);
	}
	free(text);
}

static void no_line_is_wider_than_a_screen(void **state)
{
	char *text;

	defaults(&text);
	for (const char *line = text; *line != 0;) {
		size_t len = strcspn(line, "\n");

		if (len > 100)
			fail_msg("%.*s", (int)len, line);
		line += len + 1;
	}
	free(text);
}

// The group in remarks shows how one would look; without its # it is right, too.
static void the_example_group_loads_when_it_is_uncommented(void **state)
{
	char *text, *empty;
	struct loaded l;

	defaults(&text);
	empty = strstr(text, "groups: []\n");
	assert_non_null(empty);
	memset(empty, ' ', strlen("groups: []"));
	for (char *line = strchr(empty, '\n') + 1; *line == '#'; line = strchr(line, '\n') + 1) {
		if (strncmp(line, "#groups", 7) == 0)
			memmove(line, line + 1, strlen(line));
		else
			*line = ' ';
	}
	l = load(text, NULL);
	assert_string_equal(l.errors, "");
	assert_int_equal(l.cfg->n_groups, 1);
	assert_string_equal(l.cfg->groups[0].name, "news");
	assert_int_equal(l.cfg->groups[0].multicast.window_us, 120000000);
	assert_int_equal(l.cfg->groups[0].posting.keep_us, 300000000);
	assert_int_equal(l.cfg->groups[0].posting.memory_bytes, 16 << 20);
	assert_true(l.cfg->groups[0].is_nearest && l.cfg->extension);
	free(text);
	unload(&l);
}

static void a_stream_that_fails_is_told(void **state)
{
	FILE *f = fopen("/dev/full", "w");

	assert_non_null(f);
	assert_int_equal(config_defaults_print(f), -EIO);
	fclose(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_printed_file_loads),
		cmocka_unit_test(the_printed_values_are_the_defaults),
		cmocka_unit_test(every_key_is_in_it),
		cmocka_unit_test(no_line_is_wider_than_a_screen),
		cmocka_unit_test(the_example_group_loads_when_it_is_uncommented),
		cmocka_unit_test(a_stream_that_fails_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
