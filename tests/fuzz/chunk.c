// A packet from a stranger: what was received, what was decrypted, header and chunks. Whatever
// parses is written again, and what was written must read and write to the same octets.
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/checksum.h"
#include "crypto/packet_form.h"
#include "crypto/sseq_window.h"
#include "tests/fuzz/oracle.h"
#include "tests/support/rewrite.h"

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

// The checksum by what opening has summed is the same; what was opened is only read there.
static void check_opened(struct packet_form form, const uint8_t *data, size_t size, int front_len)
{
	struct crypto_op op = {
		.dst = (uint8_t *)(uintptr_t)data,
		.len = (uint16_t)size,
		.sum = csum_partial(data + CRYPTO_BLOCK_LEN, size - CRYPTO_BLOCK_LEN),
	};
	uint64_t sseq;

	assert(packet_form_strip_opened(form, &op, &sseq) == front_len);
}

// Every form of packet: a tag or none, a session sequence number or none.
static void check_forms(const uint8_t *data, size_t size)
{
	static const uint8_t tags[] = {0, 4, 10, 32};
	struct sseq_window w;

	sseq_window_init(&w);
	for (unsigned i = 0; i < 8; i++) {
		struct packet_form form = {tags[i / 2], i & 1};
		int sealed_len = packet_form_open_check(form, size);
		uint64_t sseq = 0;
		int front_len = packet_form_strip(form, data, size, &sseq);

		assert(sealed_len < 0 || (size_t)sealed_len + form.tag_len == size);
		assert(front_len <= (int)size);
		if (size > 0 && size % CRYPTO_BLOCK_LEN == 0 && size <= UINT16_MAX)
			check_opened(form, data, size, front_len);
		if (front_len >= 0 && form.has_sseq && sseq_window_take(&w, sseq))
			assert(!sseq_window_take(&w, sseq));
	}
}

static int run(const uint8_t *data, size_t size)
{
	struct rd r = rd_over(data, size);
	struct user_data user_data = {0};
	struct packet_header header;
	struct chunk c;

	check_session_id(data, size);
	check_forms(data, size);
	if (packet_header_read(&r, &header) != 0)
		return 0;
	while (chunk_next(&r, &c))
		check_chunk(&c, &user_data);
	assert(rd_err(&r) == 0);
	return 0;
}

// The acks of many flows, as after a burst.
static size_t usual(uint8_t *to, size_t len)
{
	return oracle_repeat(to, len, "\x01", 1, "\x51\0\x05\x02\x7f\x09\x01\x02", 8);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct oracle o = {.run = run, .usual = usual};

	oracle_run(&o, data, size);
	return 0;
}
