#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/checksum.h"
#include "crypto/random.h"

#define LEN_MAX 400

// RFC 7425 4.7 word by word, the odd octet low.
static uint16_t reference(const uint8_t *data, size_t len)
{
	uint32_t sum = 0;
	size_t i;

	for (i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)(data[i] << 8 | data[i + 1]);
	if (i < len)
		sum += data[i];
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void every_length_and_alignment_agrees_with_the_plain_sum(void **state)
{
	struct random_state rs;
	struct random rng = random_seeded(&rs, 11);
	uint8_t data[LEN_MAX + 16];

	for (size_t len = 0; len <= LEN_MAX; len++) {
		size_t align = len % 16;

		random_fill(&rng, data, sizeof(data));
		if (len % 3 == 0) // long runs of ff carry at every step
			memset(data, 0xff, sizeof(data));
		assert_int_equal(csum_whole(data + align, len), reference(data + align, len));
	}
	assert_int_equal(csum_whole(NULL, 0), 0xffff);
}

static void long_data_loses_no_carry(void **state)
{
	static uint8_t data[65536];

	memset(data, 0xff, sizeof(data));
	assert_int_equal(csum_whole(data, sizeof(data)), 0x0000);
	assert_int_equal(csum_whole(data, sizeof(data) - 1), reference(data, sizeof(data) - 1));
}

// header | body | ff padding, the body's sum computed beforehand; the lengths of a packet's region
// are even or odd as the sequence number makes them.
static uint16_t joined(const uint8_t *region, size_t header_len, uint16_t body_sum, size_t body_len,
		       size_t padding_len)
{
	size_t offset = header_len + body_len;
	uint32_t sum = csum_partial(region, header_len);

	sum += csum_join(body_sum, header_len & 1);
	if (padding_len > 0)
		sum += csum_padding(offset, padding_len);
	else if ((offset & 1) != 0)
		sum += csum_last_low(region[offset - 1]);
	return csum_finish(sum);
}

static void a_body_summed_once_joins_every_header_and_padding(void **state)
{
	struct random_state rs;
	struct random rng = random_seeded(&rs, 12);
	uint8_t region[64], body[40];

	for (size_t header_len = 0; header_len <= 9; header_len++)
		for (size_t body_len = 0; body_len <= 40; body_len++)
			for (size_t padding_len = 0; padding_len < 16; padding_len++) {
				size_t len = header_len + body_len + padding_len;
				uint16_t sum;

				random_fill(&rng, region, header_len);
				random_fill(&rng, body, body_len);
				if (body_len % 4 == 1)
					body[body_len - 1] = 0;
				sum = csum_partial(body, body_len);
				memcpy(region + header_len, body, body_len);
				memset(region + header_len + body_len, 0xff, padding_len);
				assert_int_equal(
					joined(region, header_len, sum, body_len, padding_len),
					reference(region, len));
			}
}

// Zero has two forms in ones' complement; a sum of zeros must stay the positive one.
static void zeros_join_to_ffff(void **state)
{
	uint8_t zeros[33] = {0};

	for (size_t len = 0; len <= sizeof(zeros); len++) {
		uint16_t sum = csum_partial(zeros, len);

		assert_int_equal(joined(zeros, 0, sum, len, 0), 0xffff);
		assert_int_equal(csum_whole(zeros, len), 0xffff);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_length_and_alignment_agrees_with_the_plain_sum),
		cmocka_unit_test(long_data_loses_no_carry),
		cmocka_unit_test(a_body_summed_once_joins_every_header_and_padding),
		cmocka_unit_test(zeros_join_to_ffff),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
