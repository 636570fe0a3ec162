// Any octets as an FLV file, in pieces that the first octet decides: no piece size changes what is
// found, and what was read is written and read again the same.
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/service/flv.h"
#include "dataplane/wire/media.h"
#include "tests/fuzz/oracle.h"

// Parses in steps; counts tags and sums what they say, so that two runs can be compared.
static uint64_t parse(const uint8_t *data, size_t size, size_t step, FILE *copy)
{
	struct flv_parser *p = flv_parser_create();
	uint64_t sum = 0;
	size_t at = 0;
	int got = 0;

	while (at < size && got >= 0) {
		struct flv_tag t;
		const char *why = NULL;
		uint32_t room;
		uint8_t *space = flv_parser_space(p, &room);
		size_t n = size - at < step ? size - at : step;

		if (n > room)
			n = room;
		memcpy(space, data + at, n);
		flv_parser_fed(p, (uint32_t)n);
		at += n;
		while ((got = flv_parser_next(p, &t, &why)) > 0) {
			sum = sum * 31 + t.type + t.timestamp_ms + t.body.len +
			      (uint64_t)media_kind_of(t.type, t.body);
			if (copy != NULL)
				assert(flv_write_tag(copy, &t) == 0);
		}
		assert(got == 0 || why != NULL);
	}
	flv_parser_destroy(p);
	return sum;
}

static int run(const uint8_t *data, size_t size)
{
	parse(data, size, size, NULL);
	return 0;
}

// Audio: a tag is some ten octets of head and tail, and the frame.
static size_t usual(uint8_t *to, size_t len)
{
	static const uint8_t head[] = {'F', 'L', 'V', 1, 5, 0, 0, 0, 9, 0, 0, 0, 0};
	static const uint8_t tag[11 + 20 + 4] = {8, 0, 0, 20, 0,    0, 0,
						 0, 0, 0, 0,  0xaf, 1, [34] = 31};

	return oracle_repeat(to, len, head, sizeof(head), tag, sizeof(tag));
}

// A tag of the greatest length, and what is read ahead, before and after its room has grown.
#define MEMORY_MAX ((16u << 20) + 4 * (64u << 10))

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct oracle o = {.run = run, .usual = usual, .memory_max = MEMORY_MAX};
	char *text = NULL;
	size_t len = 0;
	FILE *copy;
	uint64_t sum;

	if (size < 2)
		return 0;
	oracle_run(&o, data + 1, size - 1);
	copy = open_memstream(&text, &len);
	assert(copy != NULL && flv_write_header(copy, true, true) == 0);
	sum = parse(data + 1, size - 1, (size_t)data[0] + 1, copy);
	fclose(copy);
	assert(parse(data + 1, size - 1, size, NULL) == sum);
	assert(parse((const uint8_t *)text, len, len, NULL) == sum);
	free(text);
	return 0;
}
