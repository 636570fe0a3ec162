#include "dataplane/io/icmp.h"

#include "crypto/checksum.h"
#include "tests/support/test.h"
#include "tests/unit/io/frames.h"

static enum drop_reason reply(struct built *b)
{
	struct ipv4_header h = {0};

	assert_int_equal(ipv4_read(&h, b->data + L2_LEN, (uint16_t)(b->len - L2_LEN), false),
			 DROP_NONE);
	return icmp_echo_reply(b->data, h.header_len, h.len);
}

static void a_request_becomes_its_reply(void **state)
{
	for (uint16_t len = 0; len < 60; len++) {
		struct built b = frame_ping(len), before = frame_ping(len);
		uint8_t *icmp = b.data + L2_LEN + IPV4_LEN;
		struct ipv4_header h = {0};
		struct l2_header l2 = {0};

		assert_int_equal(reply(&b), DROP_NONE);
		l2_read(&l2, b.data, b.len);
		assert_true(mac_equal(&l2.dst, &peer_mac));
		assert_true(mac_equal(&l2.src, &our_mac));
		assert_int_equal(ipv4_read(&h, b.data + L2_LEN, (uint16_t)(b.len - L2_LEN), false),
				 0);
		assert_int_equal(h.src, OUR_IP);
		assert_int_equal(h.dst, PEER_IP);
		assert_int_equal(b.data[L2_LEN + 8], IPV4_TTL); // not what was left of theirs
		assert_int_equal(icmp[0], 0);
		assert_int_equal(csum_finish(csum_partial(icmp, 8u + len)), 0);
		assert_memory_equal(icmp + 4, before.data + L2_LEN + IPV4_LEN + 4, 4u + len);
		frame_free(&b);
		frame_free(&before);
	}
}

static void padding_of_a_short_frame_is_no_part_of_it(void **state)
{
	struct built b = frame_ping(4), padded = {.data = calloc(1, 60), .len = 60};

	memcpy(padded.data, b.data, b.len);
	memset(padded.data + b.len, 0x5a, 60u - b.len);
	assert_int_equal(reply(&padded), DROP_NONE);
	assert_int_equal(reply(&b), DROP_NONE);
	assert_memory_equal(padded.data, b.data, b.len);
	frame_free(&b);
	frame_free(&padded);
}

static const struct {
	const char *name;
	size_t at; // in the message
	uint8_t octet;
	enum drop_reason drop;
} changes[] = {
	{"echo reply", 0, 0, DROP_L2_NOT_OURS},
	{"destination unreachable", 0, 3, DROP_L2_NOT_OURS},
	{"redirect", 0, 5, DROP_L2_NOT_OURS},
	{"timestamp", 0, 13, DROP_L2_NOT_OURS},
	{"a code it cannot have", 1, 1, DROP_L2_NOT_OURS},
	{"changed on the way", 9, 0xff, DROP_L3_CHECKSUM},
};

static void nothing_else_is_answered(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		struct built b = frame_ping(8), before;

		b.data[L2_LEN + IPV4_LEN + changes[i].at] = changes[i].octet;
		before = frame_cut(&b, b.len);
		assert_row(reply(&b) == changes[i].drop, changes[i].name);
		assert_memory_equal(b.data, before.data, b.len);
		frame_free(&b);
		frame_free(&before);
	}
}

static void a_cut_message_is_malformed(void **state)
{
	struct built b = frame_ping(0);

	be16_put(b.data + L2_LEN + 2, IPV4_LEN + 7);
	frame_resum_ipv4(&b);
	assert_int_equal(reply(&b), DROP_L3_MALFORMED);
	frame_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_becomes_its_reply),
		cmocka_unit_test(padding_of_a_short_frame_is_no_part_of_it),
		cmocka_unit_test(nothing_else_is_answered),
		cmocka_unit_test(a_cut_message_is_malformed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
