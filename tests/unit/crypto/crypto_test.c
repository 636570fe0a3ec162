// The two back ends against each other and against published vectors. What a packet may not do to
// its neighbours is watched by guard octets around every buffer.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "crypto/checksum.h"
#include "crypto/crypto.h"
#include "crypto/random.h"
#include "tests/unit/crypto/hex.h"

#define GUARD    16
#define N_KEYS   40
#define LEN_MAX  1600
#define N_MAX    300
#define SLOT_LEN (GUARD + LEN_MAX + CRYPTO_TAG_MAX + GUARD)

struct keys {
	struct seal_keys seal;
	struct open_keys open;
	struct hmac_keys hmac;
};

struct fixture {
	struct crypto *soft, *imb;
	struct random_state rs;
	struct random rng;
	struct keys keys[N_KEYS];
	unsigned key_of[N_MAX];
	uint8_t plain[N_MAX][LEN_MAX];
	uint8_t tails[N_MAX][LEN_MAX + 16];
	uint8_t slots[2][N_MAX][SLOT_LEN]; // one set per back end
	struct crypto_op ops[2][N_MAX];
};

static int setup_with(void **state, enum crypto_backend backend)
{
	struct fixture *f = calloc(1, sizeof(*f));
	uint8_t key[32];

	f->soft = crypto_create(CRYPTO_SOFT);
	f->imb = crypto_create(backend);
	f->rng = random_seeded(&f->rs, 0x5eed);
	for (unsigned i = 0; i < N_KEYS; i++) {
		random_fill(&f->rng, key, sizeof(key));
		crypto_expand(f->soft, key, &f->keys[i].seal, &f->keys[i].open);
		random_fill(&f->rng, key, sizeof(key));
		crypto_hmac_expand(f->soft, key, &f->keys[i].hmac);
	}
	*state = f;
	return 0;
}

static int setup(void **state)
{
	return setup_with(state, CRYPTO_IMB);
}

static int setup_plain(void **state)
{
	return setup_with(state, CRYPTO_IMB_PLAIN);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	crypto_destroy(f->soft);
	crypto_destroy(f->imb);
	free(f);
	return 0;
}

// What one packet shall look like.
struct shape {
	uint16_t len, head_len; // head_len 0: in one part
	unsigned tail_align;
	uint8_t tag_len;
};

// The same plaintext for both back ends; slot i of either.
static void packet_prepare(struct fixture *f, unsigned i, struct shape s)
{
	uint8_t *tail = f->tails[i] + s.tail_align;
	unsigned key = (unsigned)random_below(&f->rng, N_KEYS);

	f->key_of[i] = key;
	random_fill(&f->rng, f->plain[i], s.len);
	memcpy(tail, f->plain[i] + s.head_len, s.len - s.head_len);
	for (unsigned b = 0; b < 2; b++) {
		uint8_t *slot = f->slots[b][i];

		memset(slot, 0xee, SLOT_LEN);
		memcpy(slot + GUARD, f->plain[i], s.head_len > 0 ? s.head_len : s.len);
		f->ops[b][i] = (struct crypto_op){
			.sched = &f->keys[key].seal,
			.hmac = s.tag_len > 0 ? &f->keys[key].hmac : NULL,
			.dst = slot + GUARD,
			.tail = s.head_len > 0 ? tail : NULL,
			.head_len = s.head_len,
			.len = s.len,
			.tag_len = s.tag_len,
			.result = 0xff,
		};
	}
}

// Seals slots 0..n-1 with both and compares everything, guards too.
static void seal_both(struct fixture *f, uint16_t n)
{
	crypto_seal(f->soft, f->ops[0], n);
	crypto_seal(f->imb, f->ops[1], n);
	for (unsigned i = 0; i < n; i++) {
		const struct crypto_op *op = &f->ops[1][i];
		unsigned used = GUARD + op->len + op->tag_len;

		assert_int_equal(op->result, CRYPTO_OK);
		assert_int_equal(f->ops[0][i].result, CRYPTO_OK);
		assert_memory_equal(f->slots[0][i], f->slots[1][i], SLOT_LEN);
		for (unsigned g = 0; g < GUARD; g++) {
			assert_int_equal(f->slots[1][i][g], 0xee);
			assert_int_equal(f->slots[1][i][used + g], 0xee);
		}
	}
}

static void to_open(struct fixture *f, uint16_t n)
{
	for (unsigned b = 0; b < 2; b++)
		for (unsigned i = 0; i < n; i++) {
			f->ops[b][i].sched = &f->keys[f->key_of[i]].open;
			f->ops[b][i].tail = NULL;
			f->ops[b][i].result = 0xff;
		}
}

static void open_both_yields_plain(struct fixture *f, uint16_t n)
{
	to_open(f, n);
	assert_int_equal(crypto_open(f->soft, f->ops[0], n), n);
	assert_int_equal(crypto_open(f->imb, f->ops[1], n), n);
	for (unsigned b = 0; b < 2; b++)
		for (unsigned i = 0; i < n; i++) {
			const struct crypto_op *op = &f->ops[b][i];

			assert_int_equal(op->result, CRYPTO_OK);
			assert_memory_equal(op->dst, f->plain[i], op->len);
			if (op->tag_len == 0)
				assert_int_equal(op->sum,
						 csum_partial(f->plain[i] + 16, op->len - 16));
		}
}

static struct shape random_shape(struct fixture *f)
{
	uint16_t blocks = (uint16_t)(1 + random_below(&f->rng, LEN_MAX / 16));
	uint16_t head = (uint16_t)random_below(&f->rng, CRYPTO_HEAD_BLOCKS + 1);
	uint8_t tag = (uint8_t)random_below(&f->rng, CRYPTO_TAG_MAX + 1);

	return (struct shape){
		.len = blocks * 16,
		.head_len = (head < blocks ? head : blocks) * 16,
		.tail_align = (unsigned)random_below(&f->rng, 16),
		.tag_len = tag < CRYPTO_TAG_MIN ? 0 : tag,
	};
}

static void back_ends_agree_on_random_bursts(void **state)
{
	struct fixture *f = *state;

	if (f->imb == NULL)
		skip();
	for (unsigned round = 0; round < 60; round++) {
		uint16_t n = (uint16_t)(round < 20 ? round : random_below(&f->rng, N_MAX + 1));

		for (unsigned i = 0; i < n; i++)
			packet_prepare(f, i, random_shape(f));
		seal_both(f, n);
		open_both_yields_plain(f, n);
	}
}

// Heads of 1 to 3 blocks, every alignment, every tag length; also a head that is the whole packet.
static void back_ends_agree_on_every_head_alignment_and_tag(void **state)
{
	struct fixture *f = *state;
	uint16_t n = 0;

	if (f->imb == NULL)
		skip();
	for (uint16_t head = 16; head <= 16 * CRYPTO_HEAD_BLOCKS; head += 16)
		for (unsigned align = 0; align < 16; align++)
			for (unsigned tag = 3; tag <= CRYPTO_TAG_MAX; tag++) {
				uint16_t len = (uint16_t)(head + (align + tag) % 5 * 16);

				packet_prepare(f, n++,
					       (struct shape){len, head, align,
							      tag == 3 ? 0 : (uint8_t)tag});
				if (n < 100)
					continue;
				seal_both(f, n);
				open_both_yields_plain(f, n);
				n = 0;
			}
	seal_both(f, n);
	open_both_yields_plain(f, n);
}

// A fan-out: one body for a burst, read by all at once where heads end alike, and, but for every
// fourth round, packets among them that have nothing to do with it. The longest is longer than what
// idle lanes have to work on; once there is nothing but heads.
static void back_ends_agree_on_a_shared_body(void **state)
{
	struct fixture *f = *state;

	if (f->imb == NULL)
		skip();
	for (unsigned round = 0; round < 60; round++) {
		uint16_t n = 1 + round % 41, len = round % 3 == 0 ? LEN_MAX : 16 * (4 + round);
		bool is_pure = round % 4 == 2;

		if (round == 34)
			len = 32;

		for (unsigned i = 0; i < n; i++) {
			uint16_t head = round % 2 == 1 && i % 5 == 3 ? 48 : 32;

			packet_prepare(f, i, (struct shape){len, head, round % 16, 0});
			for (unsigned b = 0; b < 2 && (is_pure || i % 11 != 10); b++)
				f->ops[b][i].tail = f->tails[0] + round % 16 + head - 32;
		}
		seal_both(f, n);
	}
}

// Tags are made two at a time, and one is left over: each rest of a hash's block beside each other,
// and one packet up to four such blocks longer than its neighbour.
static void back_ends_agree_on_tags_of_unequal_neighbours(void **state)
{
	struct fixture *f = *state;

	if (f->imb == NULL)
		skip();
	for (uint16_t a = 1; a <= 17; a++)
		for (uint16_t b = 1; b <= 17; b++) {
			uint8_t tag = (uint8_t)(CRYPTO_TAG_MIN + (a * 17 + b) % 29);

			packet_prepare(f, 0, (struct shape){a * 16, 0, 0, tag});
			packet_prepare(f, 1, (struct shape){b * 16, 0, 0, 36 - tag});
			packet_prepare(f, 2, (struct shape){a * 16, 16, b % 16, CRYPTO_TAG_MAX});
			seal_both(f, 2 + b % 2);
			open_both_yields_plain(f, 2 + b % 2);
		}
}

// Every length, of octets that give no carries and of those that give most.
static void back_ends_agree_on_sums(void **state)
{
	struct fixture *f = *state;

	if (f->imb == NULL)
		skip();
	for (unsigned kind = 0; kind < 3; kind++) {
		for (unsigned i = 0; i < LEN_MAX / 16; i++) {
			struct shape s = {(uint16_t)(16 * (i + 1)), 0, 0, 0};

			packet_prepare(f, i, s);
			if (kind == 2)
				continue;
			memset(f->plain[i], kind == 1 ? 0xff : 0, s.len);
			for (unsigned b = 0; b < 2; b++)
				memcpy(f->ops[b][i].dst, f->plain[i], s.len);
		}
		seal_both(f, LEN_MAX / 16);
		open_both_yields_plain(f, LEN_MAX / 16);
	}
}

static void one_part_and_two_give_the_same(struct fixture *f, struct crypto *c)
{
	const uint16_t n = 64;

	for (unsigned i = 0; i < n; i++) {
		packet_prepare(f, i, random_shape(f));
		f->ops[1][i].tail = NULL;
		memcpy(f->ops[1][i].dst, f->plain[i], f->ops[1][i].len);
	}
	crypto_seal(c, f->ops[0], n);
	crypto_seal(c, f->ops[1], n);
	for (unsigned i = 0; i < n; i++)
		assert_memory_equal(f->slots[0][i], f->slots[1][i], SLOT_LEN);
}

static void a_tail_changes_no_octet(void **state)
{
	struct fixture *f = *state;

	one_part_and_two_give_the_same(f, f->soft);
	if (f->imb != NULL)
		one_part_and_two_give_the_same(f, f->imb);
}

// Every third packet is harmed: a flipped bit of its tag's first or last octet, or of its body.
static void spoiled_packets_are_refused_alone(struct fixture *f, struct crypto *c)
{
	const uint16_t n = 90;
	struct crypto_op *ops = f->ops[0];

	for (unsigned i = 0; i < n; i++) {
		struct shape s = random_shape(f);

		s.tag_len = s.tag_len == 0 ? 10 : s.tag_len;
		packet_prepare(f, i, s);
	}
	crypto_seal(c, ops, n);
	to_open(f, n);
	for (unsigned i = 0; i < n; i += 3) {
		unsigned places[] = {ops[i].len, ops[i].len + ops[i].tag_len - 1, ops[i].len / 2};

		ops[i].dst[places[i / 3 % 3]] ^= 1 << i % 8;
		memcpy(f->slots[1][i], f->slots[0][i], SLOT_LEN);
	}
	assert_int_equal(crypto_open(c, ops, n), n - n / 3);
	for (unsigned i = 0; i < n; i++) {
		assert_int_equal(ops[i].result, i % 3 == 0 ? CRYPTO_BAD_TAG : CRYPTO_OK);
		if (i % 3 == 0) // verified before decrypting: nothing was touched
			assert_memory_equal(f->slots[0][i], f->slots[1][i], SLOT_LEN);
		else
			assert_memory_equal(ops[i].dst, f->plain[i], ops[i].len);
	}
}

static void a_bad_tag_spoils_only_its_own_packet(void **state)
{
	struct fixture *f = *state;

	spoiled_packets_are_refused_alone(f, f->soft);
	if (f->imb != NULL)
		spoiled_packets_are_refused_alone(f, f->imb);
}

static void strange_lengths_are_results(struct fixture *f, struct crypto *c)
{
	static const uint16_t lens[] = {0, 1, 15, 16, 17, 31, 32, 1599, 65535};
	const uint16_t n = sizeof(lens) / sizeof(lens[0]);
	struct crypto_op ops[sizeof(lens) / sizeof(lens[0])];
	uint8_t octets[32] = {0};

	for (unsigned i = 0; i < n; i++)
		ops[i] = (struct crypto_op){
			.sched = &f->keys[0].open, .dst = octets, .len = lens[i]};
	assert_int_equal(crypto_open(c, ops, n), 2);
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(ops[i].result,
				 lens[i] == 16 || lens[i] == 32 ? CRYPTO_OK : CRYPTO_BAD_LEN);
}

static void no_length_from_outside_is_fatal(void **state)
{
	struct fixture *f = *state;

	strange_lengths_are_results(f, f->soft);
	if (f->imb != NULL)
		strange_lengths_are_results(f, f->imb);
}

// NIST SP 800-38A F.2.1 uses an IV; under a zero IV its first plaintext block is pt ^ iv.
static void cbc_is_nists(struct fixture *f, struct crypto *c)
{
	uint8_t key[16], iv[16], want[32], got[32];
	struct seal_keys keys;
	struct crypto_op op = {.sched = &keys, .dst = got, .len = 32};

	hex_read(key, 16, "2b7e151628aed2a6abf7158809cf4f3c");
	hex_read(iv, 16, "000102030405060708090a0b0c0d0e0f");
	hex_read(got, 32, "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51");
	hex_read(want, 32, "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2");
	for (unsigned i = 0; i < 16; i++)
		got[i] ^= iv[i];
	crypto_expand(c, key, &keys, NULL);
	crypto_seal(c, &op, 1);
	assert_memory_equal(got, want, 32);
}

static void both_are_nists(void **state)
{
	struct fixture *f = *state;

	cbc_is_nists(f, f->soft);
	if (f->imb != NULL)
		cbc_is_nists(f, f->imb);
}

static void automatic_choice_always_finds_one(void **state)
{
	struct fixture *f = *state;
	struct crypto *c = crypto_create(CRYPTO_AUTO), *imb = crypto_create(CRYPTO_IMB);

	assert_non_null(c);
	assert_string_equal(crypto_name(c), crypto_name(imb != NULL ? imb : f->soft));
	crypto_destroy(c);
	crypto_destroy(imb);
	crypto_destroy(NULL);
}

static void nothing_to_do_is_no_error(void **state)
{
	struct fixture *f = *state;

	crypto_seal(f->soft, NULL, 0);
	assert_int_equal(crypto_open(f->soft, NULL, 0), 0);
	if (f->imb != NULL) {
		crypto_seal(f->imb, NULL, 0);
		assert_int_equal(crypto_open(f->imb, NULL, 0), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_are_nists),
		cmocka_unit_test(back_ends_agree_on_random_bursts),
		cmocka_unit_test(back_ends_agree_on_every_head_alignment_and_tag),
		cmocka_unit_test(back_ends_agree_on_a_shared_body),
		cmocka_unit_test(back_ends_agree_on_tags_of_unequal_neighbours),
		cmocka_unit_test(back_ends_agree_on_sums),
		cmocka_unit_test(a_tail_changes_no_octet),
		cmocka_unit_test(a_bad_tag_spoils_only_its_own_packet),
		cmocka_unit_test(no_length_from_outside_is_fatal),
		cmocka_unit_test(automatic_choice_always_finds_one),
		cmocka_unit_test(nothing_to_do_is_no_error),
	};

	return cmocka_run_group_tests(tests, setup, teardown) +
	       cmocka_run_group_tests_name("plain", tests, setup_plain, teardown);
}
