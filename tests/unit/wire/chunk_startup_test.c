#include "dataplane/wire/chunk.h"
#include "tests/support/hex.h"
#include "tests/support/test.h"

// Every chunk here: read the octets, check what they say, write them again, and no proper prefix
// that cuts a field may parse.
static struct span payload_of(struct span chunk)
{
	return span_of(chunk.data + CHUNK_HEADER_LEN, chunk.len - CHUNK_HEADER_LEN);
}

static void packet_fragment(void **state)
{
	const char *octets = "7f0006 80 822c 01 aabb";
	uint8_t buf[32], out[32];
	struct span payload = payload_of(HEX(buf, octets));
	struct wr w = wr_over(out, sizeof(out));
	struct packet_fragment f;

	assert_int_equal(packet_fragment_read(&f, payload), 0);
	assert_true(f.has_more);
	assert_int_equal(f.packet_id, 300);
	assert_int_equal(f.index, 1);
	assert_true(is_hex(f.body, "aabb"));
	assert_int_equal(packet_fragment_write(&w, &f), 0);
	assert_true(is_hex(wr_span(&w), octets));
	for (size_t cut = 0; cut <= 4; cut++) // 4: an empty fragment is none
		assert_int_equal(packet_fragment_read(&f, span_of(payload.data, cut)), -EBADMSG);
}

static void ihello(void **state)
{
	const char *octets = "300006 02 010a aabbcc";
	uint8_t buf[32], out[32];
	struct wr w = wr_over(out, sizeof(out));
	struct ihello h;

	assert_int_equal(ihello_read(&h, payload_of(HEX(buf, octets))), 0);
	assert_true(is_hex(h.epd, "010a"));
	assert_true(is_hex(h.tag, "aabbcc"));
	assert_int_equal(ihello_write(&w, &h), 0);
	assert_true(is_hex(wr_span(&w), octets));
	assert_int_equal(ihello_read(&h, HEX(buf, "02 01")), -EBADMSG);
	assert_int_equal(ihello_read(&h, HEX(buf, "")), -EBADMSG);
}

static void fihello(void **state)
{
	const char *octets = "0f000c 02 010a 02 c0000201 c351 aabb";
	uint8_t buf[32], out[32];
	struct span payload = payload_of(HEX(buf, octets));
	struct wr w = wr_over(out, sizeof(out));
	char text[WIRE_ADDR_TEXT_MAX];
	struct fihello h;

	assert_int_equal(fihello_read(&h, payload), 0);
	assert_true(is_hex(h.epd, "010a"));
	assert_string_equal(wire_addr_format(&h.reply_addr, text), "192.0.2.1:50001");
	assert_true(is_hex(h.tag, "aabb"));
	assert_int_equal(fihello_write(&w, &h), 0);
	assert_true(is_hex(wr_span(&w), octets));
	for (size_t cut = 0; cut < 10; cut++)
		assert_int_equal(fihello_read(&h, span_of(payload.data, cut)), -EBADMSG);
}

static void rhello(void **state)
{
	const char *octets = "700009 02 aabb 03 010203 ccdd";
	uint8_t buf[32], out[32];
	struct span payload = payload_of(HEX(buf, octets));
	struct wr w = wr_over(out, sizeof(out));
	struct rhello h;

	assert_int_equal(rhello_read(&h, payload), 0);
	assert_true(is_hex(h.tag_echo, "aabb"));
	assert_true(is_hex(h.cookie, "010203"));
	assert_true(is_hex(h.cert, "ccdd"));
	assert_int_equal(rhello_write(&w, &h), 0);
	assert_true(is_hex(wr_span(&w), octets));
	for (size_t cut = 0; cut < 7; cut++)
		assert_int_equal(rhello_read(&h, span_of(payload.data, cut)), -EBADMSG);
}

static void redirect(void **state)
{
	const char *octets = "710011 02 aabb 02c0000201c351 01c0a80005c351";
	uint8_t buf[32], out[32];
	struct span payload = payload_of(HEX(buf, octets));
	struct wr w = wr_over(out, sizeof(out));
	char text[WIRE_ADDR_TEXT_MAX];
	struct redirect d;

	assert_int_equal(redirect_read(&d, payload), 0);
	assert_true(is_hex(d.tag_echo, "aabb"));
	assert_int_equal(d.n_addrs, 2);
	assert_string_equal(wire_addr_format(&d.addrs[0], text), "192.0.2.1:50001");
	assert_string_equal(wire_addr_format(&d.addrs[1], text), "192.168.0.5:50001");
	assert_int_equal(redirect_write(&w, &d), 0);
	assert_true(is_hex(wr_span(&w), octets));
	assert_int_equal(redirect_read(&d, span_of(payload.data, payload.len - 1)), -EBADMSG);
	assert_int_equal(redirect_read(&d, span_of(payload.data, 2)), -EBADMSG);
}

static void a_redirect_without_address_is_implied(void **state)
{
	uint8_t buf[32];
	struct redirect d;

	assert_int_equal(redirect_read(&d, HEX(buf, "02aabb")), 0);
	assert_int_equal(d.n_addrs, 0);
}

static void of_many_redirects_the_first_are_kept(void **state)
{
	uint8_t buf[512];
	struct wr w = wr_over(buf, sizeof(buf));
	struct wire_addr addr = {.family = 4, .ip = {192, 0, 2, 1}};
	struct redirect d;

	wr_u8(&w, 0);
	for (uint16_t i = 0; i < REDIRECT_ADDRS_MAX + 1; i++) {
		addr.port = i;
		wr_addr(&w, &addr);
	}
	assert_int_equal(redirect_read(&d, wr_span(&w)), 0);
	assert_int_equal(d.n_addrs, REDIRECT_ADDRS_MAX);
	assert_int_equal(d.addrs[REDIRECT_ADDRS_MAX - 1].port, REDIRECT_ADDRS_MAX - 1);
}

static void cookie_change(void **state)
{
	const char *octets = "790006 02 aabb 010203";
	uint8_t buf[32], out[32];
	struct wr w = wr_over(out, sizeof(out));
	struct cookie_change c;

	assert_int_equal(cookie_change_read(&c, payload_of(HEX(buf, octets))), 0);
	assert_true(is_hex(c.old_cookie, "aabb"));
	assert_true(is_hex(c.new_cookie, "010203"));
	assert_int_equal(cookie_change_write(&w, &c), 0);
	assert_true(is_hex(wr_span(&w), octets));
	assert_int_equal(cookie_change_read(&c, HEX(buf, "02aa")), -EBADMSG);
}

static void iikeying(void **state)
{
	const char *octets = "38000e 01020304 02aabb 01cc 03dddddd 58";
	uint8_t buf[32], out[32];
	struct span payload = payload_of(HEX(buf, octets));
	struct wr w = wr_over(out, sizeof(out));
	struct iikeying k;

	assert_int_equal(iikeying_read(&k, payload), 0);
	assert_int_equal(k.initiator_session_id, 0x01020304);
	assert_true(is_hex(k.cookie_echo, "aabb"));
	assert_true(is_hex(k.cert, "cc"));
	assert_true(is_hex(k.skic, "dddddd"));
	assert_true(is_hex(k.signature, "58"));
	assert_true(is_hex(k.signed_part, "01020304 02aabb 01cc 03dddddd"));
	assert_int_equal(iikeying_write(&w, &k), 0);
	assert_true(is_hex(wr_span(&w), octets));
	w = wr_over(out, sizeof(out));
	iikeying_write_signed(&w, &k);
	assert_true(span_equal(wr_span(&w), k.signed_part));
	assert_int_equal(iikeying_read(&k, span_of(payload.data, 13)), 0); // no signature
	assert_int_equal(k.signature.len, 0);
	for (size_t cut = 0; cut < 13; cut++)
		assert_int_equal(iikeying_read(&k, span_of(payload.data, cut)), -EBADMSG);
}

static void rikeying(void **state)
{
	const char *octets = "780008 01020304 02aabb 58";
	uint8_t buf[32], out[32];
	struct span payload = payload_of(HEX(buf, octets));
	struct wr w = wr_over(out, sizeof(out));
	struct rikeying k;

	assert_int_equal(rikeying_read(&k, payload), 0);
	assert_int_equal(k.responder_session_id, 0x01020304);
	assert_true(is_hex(k.skrc, "aabb"));
	assert_true(is_hex(k.signature, "58"));
	assert_true(is_hex(k.signed_part, "01020304 02aabb"));
	assert_int_equal(rikeying_write(&w, &k), 0);
	assert_true(is_hex(wr_span(&w), octets));
	w = wr_over(out, sizeof(out));
	rikeying_write_signed(&w, &k);
	assert_true(span_equal(wr_span(&w), k.signed_part));
	for (size_t cut = 0; cut < 7; cut++)
		assert_int_equal(rikeying_read(&k, span_of(payload.data, cut)), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packet_fragment),
		cmocka_unit_test(ihello),
		cmocka_unit_test(fihello),
		cmocka_unit_test(rhello),
		cmocka_unit_test(redirect),
		cmocka_unit_test(a_redirect_without_address_is_implied),
		cmocka_unit_test(of_many_redirects_the_first_are_kept),
		cmocka_unit_test(cookie_change),
		cmocka_unit_test(iikeying),
		cmocka_unit_test(rikeying),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
