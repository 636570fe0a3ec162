// A message of a group flow from a stranger; the first octet chooses the flow. Whatever parses is
// written again, and what was written must read and write to the same octets.
#include <assert.h>

#include "dataplane/wire/group_member.h"
#include "tests/fuzz/oracle.h"
#include "tests/support/rewrite.h"

static int run(const uint8_t *data, size_t size)
{
	static uint8_t first[65536], second[65536];
	struct wr w1 = wr_over(first, sizeof(first)), w2 = wr_over(second, sizeof(second));
	enum flow_kind kind;

	if (size == 0)
		return 0;
	kind = (enum flow_kind)(data[0] % FLOW_KINDS);
	if (group_msg_rewrite(&w1, kind, span_of(data + 1, size - 1)) != 0)
		return 0;
	assert(group_msg_rewrite(&w2, kind, wr_span(&w1)) == 0);
	assert(span_equal(wr_span(&w1), wr_span(&w2)));
	return 0;
}

// A report on other members: each an identity, an age and one address.
static size_t usual(uint8_t *to, size_t len)
{
	static const uint8_t self[] = {
		FLOW_GROUP_MAIN, 0x0a, 0x08, 0x0d, 0x02, 0x0a, 0x4d, 0, 2, 0x96, 0x0a, 0};
	uint8_t record[1 + PEER_EPD_LEN + 11] = {PEER_EPD_LEN, 0x21, 0x0f};

	memcpy(record + 1 + PEER_EPD_LEN, "\x05\x08\x0a\x03\x0a\x4d\0\1\x07\x8f\0", 11);
	return oracle_repeat(to, len, self, sizeof(self), record, sizeof(record));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct oracle o = {.run = run, .usual = usual};

	oracle_run(&o, data, size);
	return 0;
}
