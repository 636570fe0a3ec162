// A message of a group flow from a stranger; the first octet chooses the flow. Whatever parses is
// written again, and what was written must read and write to the same octets.
#include <assert.h>

#include "tests/support/rewrite.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
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
