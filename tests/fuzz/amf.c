// Any octets as AMF0 and AMF3: what is read can be written, and says the same again.
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "control/rpc/amf.h"
#include "tests/fuzz/oracle.h"

static uint8_t first[1 << 20], second[1 << 20];
static struct amf_doc doc;

static struct span write_all(uint8_t *buf, size_t cap)
{
	struct wr w = wr_over(buf, cap);

	for (uint32_t i = 0; amf_at(&doc, i) != NULL; i++)
		amf0_wr_node(&w, &doc, amf_at(&doc, i));
	return wr_err(&w) == 0 ? wr_span(&w) : (struct span){NULL, 0};
}

static int run(const uint8_t *data, size_t size)
{
	if (size == 0)
		return -1;
	return (data[0] & 1 ? amf3_read : amf0_read)(&doc, (struct span){data + 1, size - 1});
}

static void rewrite(void)
{
	struct span s = write_all(first, sizeof(first));
	size_t len = s.len;

	if (len == 0)
		return;
	// A node limit or a duplicate reference may refuse what we wrote, but never misread it.
	if (amf0_read(&doc, s) != 0)
		return;
	s = write_all(second, sizeof(second));
	assert(s.len == len && memcmp(first, second, len) == 0);
}

// Arguments of a call: short strings.
static size_t usual(uint8_t *to, size_t len)
{
	return oracle_repeat(to, len, "\0", 1, "\x02\0\x02id", 5);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct oracle o = {.run = run, .usual = usual};

	if (oracle_run(&o, data, size) == 0)
		rewrite();
	return 0;
}
