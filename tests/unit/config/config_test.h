// What the tests of this room share: cmocka with what it wants included before it, and a way to
// load a text and look at the complaints.
#ifndef ANNULUS_TESTS_UNIT_CONFIG_TEST_H
#define ANNULUS_TESTS_UNIT_CONFIG_TEST_H

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/config.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))

// A text loaded under the name "a.yaml", from memory of exactly its size, so that a sanitizer sees
// any look beyond it.
struct loaded {
	const struct config *cfg; // NULL after an error
	char *errors;
	int err;
};

static inline struct loaded load(const char *text, const struct config_hooks *hooks)
{
	size_t len = strlen(text), errors_len;
	struct loaded l = {0};
	char *exact = malloc(len > 0 ? len : 1);
	FILE *f = open_memstream(&l.errors, &errors_len);

	assert_non_null(exact);
	assert_non_null(f);
	memcpy(exact, text, len);
	l.err = config_load_text("a.yaml", exact, len, hooks, f, &l.cfg);
	fclose(f);
	free(exact);
	assert_true((l.cfg != NULL) == (l.err == 0));
	assert_true((l.errors[0] != 0) == (l.err != 0)); // an error is never silent, success always
	return l;
}

static inline void unload(struct loaded *l)
{
	config_destroy(l->cfg);
	free(l->errors);
}

// The complaint lines of a load: "line:column: text\n" each, without the quoted source.
static inline char *complaints(const char *errors)
{
	static const char prefix[] = "a.yaml:", word[] = "error: ";
	char *out = calloc(1, strlen(errors) + 1), *to = out;

	assert_non_null(out);
	for (const char *line = errors; *line != 0;) {
		const char *end = strchr(line, '\n');
		const char *what = strstr(line, word);

		assert_non_null(end);
		if (strncmp(line, prefix, strlen(prefix)) == 0 && what != NULL && what < end) {
			line += strlen(prefix);
			to = mempcpy(to, line, (size_t)(what - line));
			what += strlen(word);
			to = mempcpy(to, what, (size_t)(end + 1 - what));
		}
		line = end + 1;
	}
	return out;
}

// Loads `text` and wants exactly these complaints.
static inline void expect_with(const char *text, const struct config_hooks *hooks,
			       const char *wanted)
{
	struct loaded l = load(text, hooks);
	char *got = complaints(l.errors);

	if (strcmp(got, wanted) != 0)
		fail_msg("\n--- text\n%s\n--- wanted\n%s\n--- got\n%s", text, wanted, got);
	assert_int_equal(l.err, wanted[0] != 0 ? -EINVAL : 0);
	free(got);
	unload(&l);
}

static inline void expect(const char *text, const char *wanted)
{
	expect_with(text, NULL, wanted);
}

#endif
