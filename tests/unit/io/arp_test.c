#include "dataplane/io/arp.h"

#include <errno.h>

#include "tests/support/test.h"
#include "tests/unit/io/frames.h"

// As Linux sends it: who has 10.99.0.1, tell 10.99.0.2.
static const uint8_t request[ARP_LEN] = {
	0x00, 0x01, 0x08, 0x00, 0x06, 0x04, 0x00, 0x01, 0x02, 0x00, 0x00, 0x00, 0x00, 0x02,
	0x0a, 0x63, 0x00, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x0a, 0x63, 0x00, 0x01,
};

static void a_request_says_who_asks_for_whom(void **state)
{
	struct arp a;

	assert_int_equal(arp_read(&a, request, sizeof(request)), 0);
	assert_int_equal(a.op, ARP_REQUEST);
	assert_true(mac_equal(&a.sender_mac, &peer_mac));
	assert_int_equal(a.sender_ip, PEER_IP);
	assert_int_equal(a.target_ip, OUR_IP);
}

static void what_is_written_reads_the_same(void **state)
{
	const struct arp a = {ARP_REPLY, our_mac, peer_mac, OUR_IP, PEER_IP};
	uint8_t frame[L2_FRAME_MIN];
	struct l2_header l2 = {0};
	struct arp back;

	assert_int_equal(arp_write(frame, &a, &peer_mac), L2_FRAME_MIN);
	assert_int_equal(l2_read(&l2, frame, sizeof(frame)), 0);
	assert_true(mac_equal(&l2.dst, &peer_mac));
	assert_true(mac_equal(&l2.src, &our_mac));
	assert_int_equal(l2.type, L2_TYPE_ARP);
	assert_int_equal(arp_read(&back, frame + L2_LEN, L2_FRAME_MIN - L2_LEN), 0);
	assert_int_equal(back.op, a.op);
	assert_true(mac_equal(&back.sender_mac, &a.sender_mac));
	assert_true(mac_equal(&back.target_mac, &a.target_mac));
	assert_int_equal(back.sender_ip, a.sender_ip);
	assert_int_equal(back.target_ip, a.target_ip);
	for (size_t i = L2_LEN + ARP_LEN; i < sizeof(frame); i++)
		assert_int_equal(frame[i], 0); // nobody's memory leaks into the padding
}

static const struct {
	const char *name;
	size_t at;
	uint8_t octet;
	int result;
} changes[] = {
	{"token ring", 1, 6, -EBADMSG},
	{"not IPv4", 2, 0x86, -EBADMSG},
	{"long hardware addresses", 4, 8, -EBADMSG},
	{"long protocol addresses", 5, 16, -EBADMSG},
	{"RARP", 7, 3, -EBADMSG},
	{"a reply", 7, 2, 0},
	{"sender is a group", 8, 0x03, -EBADMSG},
	{"sender is 127.99.0.2", 14, 127, -EBADMSG},
	{"sender is multicast", 14, 224, -EBADMSG},
	{"target elsewhere", 24, 11, 0},
};

static void only_ethernet_and_ipv4_count(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		uint8_t octets[ARP_LEN];
		struct arp a;

		memcpy(octets, request, sizeof(octets));
		octets[changes[i].at] = changes[i].octet;
		assert_row(arp_read(&a, octets, sizeof(octets)) == changes[i].result,
			   changes[i].name);
	}
}

// RFC 5227 §2.1.1: somebody asks whether the address is free, and has none yet.
static void a_probe_has_no_sender_address(void **state)
{
	uint8_t octets[ARP_LEN];
	struct arp a;

	memcpy(octets, request, sizeof(octets));
	memset(octets + 14, 0, 4);
	assert_int_equal(arp_read(&a, octets, sizeof(octets)), 0);
	assert_int_equal(a.sender_ip, 0);
}

static void cut_ones_are_nothing(void **state)
{
	for (uint16_t len = 0; len < ARP_LEN; len++) {
		uint8_t *octets = malloc(len > 0 ? len : 1);
		struct arp a;

		memcpy(octets, request, len);
		assert_int_equal(arp_read(&a, octets, len), -EBADMSG);
		free(octets);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_says_who_asks_for_whom),
		cmocka_unit_test(what_is_written_reads_the_same),
		cmocka_unit_test(only_ethernet_and_ipv4_count),
		cmocka_unit_test(a_probe_has_no_sender_address),
		cmocka_unit_test(cut_ones_are_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
