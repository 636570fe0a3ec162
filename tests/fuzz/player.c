// Any fragments in any order at any time: messages come in order of their numbers, each once, the
// memory is bounded, and time alone brings every hole to its end.
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "control/group/player.h"
#include "dataplane/wire/cursor.h"
#include "tests/fuzz/oracle.h"

#define FRAGMENTS_MAX 256
#define BYTES_MAX     (1 << 16)
// The ring, the fragments with what malloc adds, and a message as it was and as it grows.
#define MEMORY_MAX (FRAGMENTS_MAX * 128 + 3 * BYTES_MAX)

static uint64_t take_all(struct player *p, uint64_t after, uint64_t now_us)
{
	struct player_event e;

	while (player_next(p, &e, now_us) != PLAYER_NONE) {
		if (e.kind != PLAYER_MESSAGE && e.kind != PLAYER_GAP)
			continue;
		assert(e.number > after || after == 0);
		assert(e.number_to >= e.number);
		after = e.number_to;
	}
	assert(player_deadline_us(p) > now_us);
	return after;
}

static int run(const uint8_t *data, size_t size)
{
	struct player_opts o = {.window_ms = 1000,
				.fetch_ms = 300,
				.fragments_max = FRAGMENTS_MAX,
				.bytes_max = BYTES_MAX};
	uint64_t now_us = 1000000, after = 0;
	struct player *p = player_create(&o, now_us);
	struct rd r = rd_over(data, size);

	while (rd_left(&r) > 0) {
		uint8_t op = rd_u8(&r);

		// Time costs a stranger nothing, and nobody sends nothing: no turn for these.
		if (op >= 0xc0 && op < 0xe0)
			now_us += (uint64_t)(op & 0x1f) * 20000;
		if (op == 0 || (op >= 0xc0 && op < 0xe0))
			continue;
		if (op < 0xc0)
			player_fragment(p, rd_bytes(&r, op < rd_left(&r) ? op : rd_left(&r)),
					now_us);
		else if (op < 0xf0)
			player_gone(p, rd_vlu(&r), now_us);
		else
			player_end(p, rd_vlu(&r), now_us);
		after = take_all(p, after, now_us);
	}
	after = take_all(p, after, now_us + 100 * 1000000ull);
	player_destroy(p);
	return 0;
}

// The rests of messages whose beginning is not there, one after the other: the shortest fragments.
static size_t usual(uint8_t *to, size_t len)
{
	static const uint8_t fragment[] = {2, 0, 1};
	size_t n = 0;

	for (uint8_t number = 1; n + sizeof(fragment) <= len; number = (number & 0x7f) + 1) {
		memcpy(to + n, fragment, sizeof(fragment));
		to[n + 2] = number;
		n += sizeof(fragment);
	}
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct oracle o = {.run = run, .usual = usual, .memory_max = MEMORY_MAX};

	oracle_run(&o, data, size);
	return 0;
}
