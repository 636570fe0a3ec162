// A decrypted packet from a stranger: header and chunks. Whatever parses is written again, and what
// was written must read and write to the same octets.
#include <assert.h>

#include "tests/support/rewrite.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_chunk(const struct chunk *c, struct user_data *data)
{
	struct user_data before = *data;
	uint8_t first[16384], second[16384];
	struct wr w1 = wr_over(first, sizeof(first)), w2 = wr_over(second, sizeof(second));
	struct chunk again;
	struct rd r;

	if (chunk_rewrite(&w1, c, data) != 0) {
		assert(w1.len == 0); // no trace of what could not be written
		return;
	}
	r = rd_over_span(wr_span(&w1));
	assert(chunk_next(&r, &again) && rd_left(&r) == 0 && again.type == c->type);
	assert(chunk_rewrite(&w2, &again, &before) == 0);
	assert(span_equal(wr_span(&w1), wr_span(&w2)));
}

static void check_session_id(const uint8_t *data, size_t size)
{
	uint8_t datagram[64];
	uint32_t id, again;

	if (size > sizeof(datagram) || ssid_unscramble(data, size, &id) != 0)
		return;
	memcpy(datagram, data, size);
	memset(datagram, 0, SSID_LEN);
	ssid_scramble(datagram, size, id);
	assert(memcmp(datagram, data, size) == 0);
	assert(ssid_unscramble(datagram, size, &again) == 0 && again == id);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rd r = rd_over(data, size);
	struct user_data user_data = {0};
	struct packet_header header;
	struct chunk c;

	check_session_id(data, size);
	if (packet_header_read(&r, &header) != 0)
		return 0;
	while (chunk_next(&r, &c))
		check_chunk(&c, &user_data);
	assert(rd_err(&r) == 0);
	return 0;
}
