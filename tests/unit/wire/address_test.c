#include "dataplane/wire/address.h"
#include "tests/support/hex.h"
#include "tests/support/test.h"

static void octets_and_text_name_the_same_address(void **state)
{
	static const struct {
		const char *claim, *octets, *text;
		uint8_t origin;
	} rows[] = {
		{"IPv4", "02 c0000201 078f", "192.0.2.1:1935", ADDR_OBSERVED},
		{"IPv6", "83 20010db8000000000000000000000001 078f", "[2001:db8::1]:1935",
		 ADDR_RELAY},
		{"port 0", "00 7f000001 0000", "127.0.0.1:0", ADDR_UNKNOWN},
		{"port 65535", "01 0a000001 ffff", "10.0.0.1:65535", ADDR_LOCAL},
	};
	uint8_t buf[32], out[32];
	char text[WIRE_ADDR_TEXT_MAX];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct rd r = rd_over_span(HEX(buf, rows[i].octets));
		struct wr w = wr_over(out, sizeof(out));
		struct wire_addr a, b;

		rd_addr(&r, &a);
		assert_row(r.err == 0 && rd_left(&r) == 0, rows[i].claim);
		assert_row(a.origin == rows[i].origin, rows[i].claim);
		assert_row(strcmp(wire_addr_format(&a, text), rows[i].text) == 0, rows[i].claim);
		assert_row(wire_addr_parse(&b, rows[i].text) == 0, rows[i].claim);
		assert_row(wire_addr_equal(&a, &b) && b.origin == ADDR_UNKNOWN, rows[i].claim);
		wr_addr(&w, &a);
		assert_row(is_hex(wr_span(&w), rows[i].octets), rows[i].claim);
		assert_row(wire_addr_len(&a) == w.len, rows[i].claim);
	}
}

static void reserved_bits_are_ignored_and_not_sent(void **state)
{
	uint8_t buf[7], out[7];
	struct rd r = rd_over_span(HEX(buf, "7e c0000201 078f"));
	struct wr w = wr_over(out, sizeof(out));
	struct wire_addr a;

	rd_addr(&r, &a);
	assert_int_equal(a.family, 4);
	wr_addr(&w, &a);
	assert_true(is_hex(wr_span(&w), "02 c0000201 078f"));
}

static void a_cut_address_is_no_address(void **state)
{
	static const char *const rows[] = {"", "02", "02 c00002", "02 c0000201 07",
					   "80 20010db8 078f"};
	uint8_t buf[32];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct rd r = rd_over_span(HEX(buf, rows[i]));
		struct wire_addr a;

		rd_addr(&r, &a);
		assert_row(r.err == -EBADMSG && a.family == 0 && a.port == 0, rows[i]);
	}
}

static void text_that_is_no_address(void **state)
{
	static const char *const rows[] = {
		"",
		"192.0.2.1",
		"192.0.2.1:",
		"192.0.2.1:65536",
		"192.0.2.1:1x",
		"192.0.2.1: 1",
		"192.0.2.1:-1",
		"192.0.2.1:000001",
		"192.0.2:1",
		"192.0.2.256:1",
		"2001:db8::1:80",
		"[2001:db8::1]",
		"[2001:db8::1]80",
		"[2001:db8::1:80",
		"[192.0.2.1]:80",
		"[fe80::1%eth0]:80",
		"example.org:1935",
		"192.0.2.1:1:2",
		"[]:1",
		"[::1] :80",
		"[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]:80",
	};
	struct wire_addr a = {.family = 9};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_row(wire_addr_parse(&a, rows[i]) == -EINVAL && a.family == 9, rows[i]);
}

static struct wire_addr addr(const char *text)
{
	struct wire_addr a;

	if (wire_addr_parse(&a, text) != 0)
		fail_msg("%s is no address", text);
	return a;
}

static void which_addresses_we_may_send_to(void **state)
{
	static const struct {
		const char *text;
		bool is_usable, is_loopback, is_private;
	} rows[] = {
		{"192.0.2.1:1", true, false, false},
		{"192.0.2.1:0", false, false, false},
		{"0.0.0.0:1", false, false, false},
		{"0.1.2.3:1", false, false, false},
		{"223.255.255.255:1", true, false, false},
		{"224.0.0.1:1", false, false, false},
		{"239.255.255.255:1", false, false, false},
		{"255.255.255.255:1", false, false, false},
		{"127.8.9.10:1", true, true, false},
		{"10.1.2.3:1", true, false, true},
		{"172.15.0.1:1", true, false, false},
		{"172.16.0.1:1", true, false, true},
		{"172.31.0.1:1", true, false, true},
		{"172.32.0.1:1", true, false, false},
		{"192.168.0.1:1", true, false, true},
		{"192.169.0.1:1", true, false, false},
		{"169.254.1.1:1", true, false, true},
		{"100.63.0.1:1", true, false, false},
		{"100.64.0.1:1", true, false, true},
		{"[2001:db8::1]:1", true, false, false},
		{"[2001:db8::1]:0", false, false, false},
		{"[::]:1", false, false, false},
		{"[::1]:1", true, true, false},
		{"[ff02::1]:1", false, false, false},
		{"[fe80::1]:1", true, false, true},
		{"[fec0::1]:1", true, false, false},
		{"[fc00::1]:1", true, false, true},
		{"[fd12::1]:1", true, false, true},
		{"[::ffff:192.0.2.1]:1", false, false, false},
		{"[::192.0.2.1]:1", false, false, false},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct wire_addr a = addr(rows[i].text);

		assert_row(wire_addr_is_usable(&a) == rows[i].is_usable, rows[i].text);
		assert_row(wire_addr_is_loopback(&a) == rows[i].is_loopback, rows[i].text);
		assert_row(wire_addr_is_private(&a) == rows[i].is_private, rows[i].text);
	}
}

static void no_address_is_not_usable(void **state)
{
	struct wire_addr none = {0};
	char text[WIRE_ADDR_TEXT_MAX];

	assert_false(wire_addr_is_usable(&none));
	assert_string_equal(wire_addr_format(&none, text), "-");
}

static void origin_does_not_tell_addresses_apart_but_all_else_does(void **state)
{
	struct wire_addr a = addr("192.0.2.1:1935"), b = a;

	b.origin = ADDR_RELAY;
	assert_true(wire_addr_equal(&a, &b));
	assert_true(wire_addr_hash(&a, 7) == wire_addr_hash(&b, 7));
	assert_true(wire_addr_hash(&a, 7) != wire_addr_hash(&a, 8));
	for (int change = 0; change < 18; change++) {
		b = a;
		if (change < 16)
			b.ip[change] ^= 1;
		else if (change == 16)
			b.port ^= 1;
		else
			b.family = 6;
		assert_false(wire_addr_equal(&a, &b));
		assert_true(wire_addr_hash(&a, 7) != wire_addr_hash(&b, 7));
	}
}

// 64 k neighbours behind one NAT differ in nothing but the port.
static void hash_spreads_ports_over_buckets(void **state)
{
	struct wire_addr a = addr("192.0.2.1:1");
	uint8_t count[4096] = {0};
	unsigned n_empty = 0, max = 0;

	for (uint32_t port = 0; port < 65536; port++) {
		a.port = (uint16_t)port;
		count[wire_addr_hash(&a, 42) % 4096]++;
	}
	for (size_t i = 0; i < 4096; i++) {
		n_empty += count[i] == 0;
		max = count[i] > max ? count[i] : max;
	}
	assert_int_equal(n_empty, 0); // 16 are expected in each
	assert_true(max < 48);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(octets_and_text_name_the_same_address),
		cmocka_unit_test(reserved_bits_are_ignored_and_not_sent),
		cmocka_unit_test(a_cut_address_is_no_address),
		cmocka_unit_test(text_that_is_no_address),
		cmocka_unit_test(which_addresses_we_may_send_to),
		cmocka_unit_test(no_address_is_not_usable),
		cmocka_unit_test(origin_does_not_tell_addresses_apart_but_all_else_does),
		cmocka_unit_test(hash_spreads_ports_over_buckets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
