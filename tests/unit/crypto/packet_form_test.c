#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/checksum.h"
#include "crypto/packet_form.h"
#include "crypto/random.h"

static const struct max_case {
	const char *what;
	struct packet_form form;
	uint64_t sseq;
	size_t budget, want;
} max_cases[] = {
	// §17: floor16(1228 - hmacLength) - len(SSEQ) - (2 if checksum)
	{"HMAC of 10", {10, false}, 0, 1232, 1216},
	{"HMAC of 16", {16, false}, 0, 1232, 1200},
	{"HMAC of 32", {32, false}, 0, 1232, 1184},
	{"HMAC of 10, two octets of number", {10, true}, 300, 1232, 1214},
	{"checksum", {0, false}, 0, 1232, 1214},
	{"checksum and number", {0, true}, 127, 1232, 1213},
	{"nothing fits into a block less one", {0, false}, 0, 4 + 15, 0},
	{"one block", {0, false}, 0, 4 + 16, 14},
	{"a number that fills the block", {0, true}, UINT64_MAX, 4 + 16, 4},
	{"no room for the tag", {32, false}, 0, 35, 0},
	{"no room at all", {0, false}, 0, 0, 0},
};

static void the_budget_of_a_path_is_never_exceeded(void **state)
{
	for (size_t i = 0; i < sizeof(max_cases) / sizeof(max_cases[0]); i++) {
		const struct max_case *c = &max_cases[i];
		size_t got = packet_form_plain_max(c->form, c->sseq, c->budget);
		size_t more = packet_form_sealed_len(c->form, c->sseq, got + 1);

		assert_int_equal(got, c->want);
		assert_true(PACKET_SSID_LEN + more + c->form.tag_len > c->budget);
		if (got == 0)
			continue;
		assert_true(PACKET_SSID_LEN + packet_form_sealed_len(c->form, c->sseq, got) +
				    c->form.tag_len <=
			    c->budget);
	}
}

// What is known of a packet that crypto_open has decrypted.
static struct crypto_op opened(uint8_t *buf, size_t len)
{
	return (struct crypto_op){
		.dst = buf,
		.len = (uint16_t)len,
		.sum = csum_partial(buf + CRYPTO_BLOCK_LEN, len - CRYPTO_BLOCK_LEN)};
}

// Strips in both ways, which have to say the same.
static int strip_both(struct packet_form form, uint8_t *buf, size_t len, uint64_t *sseq)
{
	struct crypto_op op;
	uint64_t again;
	int front_len = packet_form_strip(form, buf, len, sseq);

	if (len == 0) // no ciphertext has that length
		return front_len;
	op = opened(buf, len);
	assert_int_equal(packet_form_strip_opened(form, &op, &again), front_len);
	assert_true(front_len < 0 || again == *sseq);
	return front_len;
}

static void what_is_finished_strips_to_the_same(void **state)
{
	static const uint64_t numbers[] = {0, 127, 128, 16384, UINT64_C(1) << 33, UINT64_MAX - 1};
	struct random_state rs;
	struct random rng = random_seeded(&rs, 3);
	uint8_t plain[50], buf[96];

	for (unsigned i = 0; i < 6 * 50 * 4; i++) {
		struct packet_form form = {i & 1 ? 16 : 0, i & 2};
		uint64_t sseq = numbers[i / 4 % 6], got;
		size_t len = i / 24, front_len = packet_form_front_write(form, buf, sseq),
		       sealed_len;

		random_fill(&rng, plain, sizeof(plain));
		memcpy(buf + front_len, plain, len);
		sealed_len = packet_form_finish(form, buf, front_len, front_len + len);
		assert_int_equal(front_len, packet_form_front_len(form, sseq));
		assert_int_equal(sealed_len, packet_form_sealed_len(form, sseq, len));
		assert_int_equal(sealed_len % 16, 0);
		assert_int_equal(strip_both(form, buf, sealed_len, &got), front_len);
		assert_true(got == (form.has_sseq ? sseq : 0));
		assert_memory_equal(buf + front_len, plain, len);
		for (size_t k = front_len + len; k < sealed_len; k++)
			assert_int_equal(buf[k], 0xff);
	}
}

// Odd and even fronts, and one that is longer than a block, since zeros may lead a number. The
// packet is zeros, or ff, or anything.
static void a_sum_taken_while_opening_will_do(void **state)
{
	struct packet_form form = {0, true};
	struct random_state rs;
	struct random rng = random_seeded(&rs, 4);
	uint8_t buf[128];
	uint64_t sseq;

	for (unsigned n_zeros = 0; n_zeros < 40; n_zeros++)
		for (unsigned kind = 0; kind < 3; kind++) {
			size_t front_len = n_zeros + 1 + PACKET_CHECKSUM_LEN, len;

			memset(buf, 0x80, n_zeros);
			buf[n_zeros] = 7;
			memset(buf + front_len, kind == 1 ? 0xff : 0, 60);
			if (kind == 2)
				random_fill(&rng, buf + front_len, 60);
			len = packet_form_finish(form, buf, front_len, front_len + n_zeros % 50);
			assert_int_equal(strip_both(form, buf, len, &sseq), front_len);
			assert_int_equal(sseq, 7);
			for (size_t i = n_zeros + 1; i < len; i++) {
				buf[i] ^= (uint8_t)(1 << i % 8);
				assert_int_equal(strip_both(form, buf, len, &sseq), -EBADMSG);
				buf[i] ^= (uint8_t)(1 << i % 8);
			}
		}
}

static void every_flipped_bit_breaks_the_checksum(void **state)
{
	struct packet_form form = {0, true};
	uint8_t buf[32] = {0};
	uint64_t sseq;
	size_t front_len = packet_form_front_write(form, buf, 5);
	size_t len = packet_form_finish(form, buf, front_len, front_len + 20);

	for (unsigned bit = 8; bit < len * 8; bit++) { // the number before it is not covered
		buf[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(packet_form_strip(form, buf, len, &sseq), -EBADMSG);
		buf[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_int_equal(packet_form_strip(form, buf, len, &sseq), front_len);
}

static void a_front_that_does_not_end_is_refused(void **state)
{
	uint8_t endless[16];
	uint64_t sseq;

	memset(endless, 0xff, sizeof(endless));
	assert_int_equal(packet_form_strip((struct packet_form){16, true}, endless, 16, &sseq),
			 -EBADMSG);
	assert_int_equal(packet_form_strip((struct packet_form){0, false}, endless, 1, &sseq),
			 -EBADMSG);
	assert_int_equal(packet_form_strip((struct packet_form){0, false}, NULL, 0, &sseq),
			 -EBADMSG);
}

static const struct check_case {
	const char *what;
	uint8_t tag_len;
	size_t len;
	int want;
} check_cases[] = {
	{"one block", 0, 16, 16},
	{"nothing", 0, 0, -EBADMSG},
	{"less than a block", 0, 15, -EBADMSG},
	{"no whole blocks", 0, 17, -EBADMSG},
	{"only the tag", 10, 10, -EBADMSG},
	{"a block and its tag", 10, 26, 16},
	{"a block where the tag is cut", 10, 25, -EBADMSG},
	{"a block without its tag", 32, 32, -EBADMSG},
	{"a tag of two blocks", 32, 64, 32},
	{"the longest", 0, 65520, 65520},
	{"longer than UDP carries", 0, 65536, -EBADMSG},
};

static void only_possible_lengths_reach_the_cipher(void **state)
{
	for (size_t i = 0; i < sizeof(check_cases) / sizeof(check_cases[0]); i++) {
		const struct check_case *c = &check_cases[i];
		struct packet_form form = {c->tag_len, false};

		assert_int_equal(packet_form_open_check(form, c->len), c->want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_budget_of_a_path_is_never_exceeded),
		cmocka_unit_test(what_is_finished_strips_to_the_same),
		cmocka_unit_test(a_sum_taken_while_opening_will_do),
		cmocka_unit_test(every_flipped_bit_breaks_the_checksum),
		cmocka_unit_test(a_front_that_does_not_end_is_refused),
		cmocka_unit_test(only_possible_lengths_reach_the_cipher),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
