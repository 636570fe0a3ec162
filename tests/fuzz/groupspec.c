// Any text as a groupspec: what parses has an ID, explains itself, and its canonical part alone is
// the same group.
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "control/group/groupspec.h"
#include "tests/fuzz/oracle.h"

static void take_line(void *ctx, const char *label, const char *value)
{
	size_t *n = ctx;

	*n += strlen(label) + strlen(value);
}

static void check(const struct groupspec *g)
{
	static char canonical[GROUPSPEC_TEXT_MAX + 1];
	static struct groupspec again;
	const char *why;
	size_t n = 0;
	uint32_t at;

	assert(g->canonical_len > 2 && g->canonical_len <= strlen(g->text));
	memcpy(canonical, g->text, g->canonical_len);
	canonical[g->canonical_len] = '\0';
	assert(groupspec_parse(&again, canonical, &why, &at) == 0);
	assert(memcmp(again.id, g->id, sizeof(g->id)) == 0);
	assert(groupspec_explain(g->text, take_line, &n, &why, &at) == 0 && n > 0);
	groupspec_may_publish(g);
	groupspec_may_post(g);
}

static int run(const uint8_t *data, size_t size)
{
	static struct groupspec g;
	char *text = malloc(size + 1);
	const char *why = NULL;
	uint32_t at = UINT32_MAX;
	int err;

	memcpy(text, data, size);
	text[size] = '\0';
	err = groupspec_parse(&g, text, &why, &at);
	if (err == 0)
		check(&g);
	else
		assert(why != NULL && at <= strlen(text));
	free(text);
	return 0;
}

// Switches of a group, each an option of two octets, in hexadecimal digits.
static size_t usual(uint8_t *to, size_t len)
{
	return oracle_repeat(to, len, "G:", 2, "0303aabb", 8);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct oracle o = {
		.run = run, .usual = usual, .memory_max = 4096, .memory_per_octet = 1};

	oracle_run(&o, data, size);
	return 0;
}
