#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/certificate.h"
#include "tests/unit/crypto/hex.h"

static const struct read_case {
	const char *what, *hex;
	int want;
} read_cases[] = {
	{"ephemeral group 2", "021502", 0},
	{"a group unknown to us still says ephemeral", "02157f", 0},
	{"static key of group 2", "041d02aabb", 0},
	{"static key of an unknown group", "041d7faabb", 0},
	{"a static key of no octets is judged in keying", "021d02", 0},
	{"two static keys of two groups", "041d02aabb041d0ecccc", 0},
	{"two static keys of one group", "041d02aabb041d02cccc", -EBADMSG},
	{"the same ephemeral group twice", "021502021502", 0},
	{"both kinds of key", "021502041d02aabb", -EBADMSG},
	{"the second kind behind the Marker counts for nothing", "02150200041d02aabb", 0},
	{"a key only behind the Marker", "010a00021502", -EBADMSG},
	{"no key", "010a", -EBADMSG},
	{"nothing", "", -EBADMSG},
	{"only a Marker", "00", -EBADMSG},
	{"one hostname",
	 "02006102"
	 "1502",
	 0},
	{"two hostnames", "020061020062021502", -EBADMSG},
	{"an empty hostname twice", "01000100021502", -EBADMSG},
	{"unknown options are ignored", "0333aabb021502027e00", 0},
	{"an option that runs out", "0215020515", -EBADMSG},
	{"an option that runs out behind the Marker", "021502000515", -EBADMSG},
	{"a type that does not fit its option", "0181021502", -EBADMSG},
	{"a group that does not fit its option", "021581", -EBADMSG},
	{"a length that runs out", "02150281", -EBADMSG},
	{"a length beyond 64 bits", "021502ffffffffffffffffffff7f", -EBADMSG},
	{"long VLUs are legal", "800480158002", 0},
};

static int read_hex(struct certificate *c, uint8_t *buf, size_t cap, const char *hex)
{
	return certificate_read(c, span_of(buf, hex_read(buf, cap, hex)));
}

static void only_well_formed_certificates_are_read(void **state)
{
	uint8_t buf[64];
	struct certificate c;

	for (size_t i = 0; i < sizeof(read_cases) / sizeof(read_cases[0]); i++) {
		print_message("  %s\n", read_cases[i].what);
		assert_int_equal(read_hex(&c, buf, sizeof(buf), read_cases[i].hex),
				 read_cases[i].want);
	}
}

static void keys_and_groups_are_found(void **state)
{
	uint8_t buf[64];
	struct certificate c;

	assert_int_equal(read_hex(&c, buf, sizeof(buf), "041d02aabb031d0ecc041d7fdddd"), 0);
	assert_int_equal(c.n_keys, 2);
	assert_int_equal(certificate_key_of(&c, DH_GROUP_2).len, 2);
	assert_int_equal(certificate_key_of(&c, DH_GROUP_14).data[0], 0xcc);
	assert_null(certificate_key_of(&c, DH_GROUP_16).data);
	assert_null(certificate_key_of(&c, 0x7f).data);
	assert_false(certificate_has_ephemeral(&c, DH_GROUP_2));

	assert_int_equal(read_hex(&c, buf, sizeof(buf), "02150e021502"), 0);
	assert_true(certificate_has_ephemeral(&c, DH_GROUP_2));
	assert_true(certificate_has_ephemeral(&c, DH_GROUP_14));
	assert_false(certificate_has_ephemeral(&c, DH_GROUP_5));
	assert_false(certificate_has_ephemeral(&c, 256 + DH_GROUP_2));
}

static void a_certificate_longer_than_a_packet_is_refused(void **state)
{
	static uint8_t buf[CERTIFICATE_LEN_MAX + 1]; // Markers to the end
	struct certificate c;

	hex_read(buf, 3, "021502");
	assert_int_equal(certificate_read(&c, span_of(buf, sizeof(buf) - 1)), 0);
	assert_int_equal(c.canonical.len, 3);
	assert_int_equal(certificate_read(&c, span_of(buf, sizeof(buf))), -EBADMSG);
}

static void fingerprint_ends_at_the_first_marker(void **state)
{
	uint8_t a[64], b[64];
	struct certificate ca, cb;

	assert_int_equal(read_hex(&ca, a, sizeof(a), "010a021502"), 0);
	assert_int_equal(read_hex(&cb, b, sizeof(b), "010a02150200050e7461696c00"), 0);
	assert_memory_equal(ca.fingerprint, cb.fingerprint, FINGERPRINT_LEN);
	assert_false(certificate_overrides(ca.whole, cb.whole)); // the whole octets differ
}

// A key pair that is no secret; only its public octets are used here.
static struct dh_key key_of(uint8_t group)
{
	struct random_state rs;
	struct random rng = random_seeded(&rs, group);
	struct dh_key key;

	assert_int_equal(dh_key_generate(&key, group, &rng), 0);
	return key;
}

static void ours_read_back_as_they_were_built(void **state)
{
	struct dh_key keys[2] = {key_of(DH_GROUP_2), key_of(DH_GROUP_14)};
	static const uint8_t ephemeral[] = {DH_GROUP_14, DH_GROUP_2};
	struct certificate_form form = {
		.hostname = span_of("seed.example", 12),
		.extra_randomness = span_of("0123456789", 10),
		.accepts_ancillary = true,
		.ephemeral = ephemeral,
		.n_ephemeral = 2,
	};
	uint8_t buf[512];
	struct certificate c;
	int len = certificate_build(buf, sizeof(buf), &form);

	assert_true(len > 0);
	assert_int_equal(certificate_read(&c, span_of(buf, (size_t)len)), 0);
	assert_true(span_equal(c.hostname, form.hostname));
	assert_true(c.accepts_ancillary && c.has_ephemeral && !c.has_static);
	assert_memory_equal(c.ephemeral, ephemeral, 2);

	len = certificate_build_static(buf, sizeof(buf), keys, 2);
	assert_int_equal(certificate_read(&c, span_of(buf, (size_t)len)), 0);
	assert_true(c.has_static && !c.has_ephemeral && !c.accepts_ancillary);
	for (unsigned i = 0; i < 2; i++)
		assert_true(span_equal(certificate_key_of(&c, keys[i].group),
				       span_of(keys[i].public_key, keys[i].public_len)));
}

// §16.3: an old peer reads "81 02 1d 02 <128>" from the start of a member's certificate.
static void a_member_shows_its_group_2_key_first(void **state)
{
	struct dh_key keys[2] = {key_of(DH_GROUP_2), key_of(DH_GROUP_14)};
	static const uint8_t start[] = {0x81, 0x02, 0x1d, 0x02};
	uint8_t buf[512];
	struct certificate c;
	int len = certificate_build_static(buf, sizeof(buf), keys, 2);

	assert_memory_equal(buf, start, sizeof(start));
	assert_memory_equal(buf + 4, keys[0].public_key, 128);
	assert_int_equal(certificate_read(&c, span_of(buf, (size_t)len)), 0);
	assert_false(certificate_is_legacy_form(&c)); // but it is no old peer

	len = certificate_build_static(buf, sizeof(buf), keys, 1);
	assert_int_equal(len, 4 + 128);
	assert_int_equal(certificate_read(&c, span_of(buf, (size_t)len)), 0);
	assert_true(certificate_is_legacy_form(&c));
}

static void old_forms_are_told_from_others(void **state)
{
	uint8_t random[CERTIFICATE_RANDOM_LEN] = {7}, buf[128];
	struct certificate c;

	assert_int_equal(certificate_build_server(buf, sizeof(buf), random),
			 CERTIFICATE_SERVER_LEN);
	assert_int_equal(certificate_read(&c, span_of(buf, CERTIFICATE_SERVER_LEN)), 0);
	assert_true(certificate_is_legacy_form(&c));
	buf[CERTIFICATE_SERVER_LEN - 1] = DH_GROUP_16; // the same length, another group
	assert_int_equal(certificate_read(&c, span_of(buf, CERTIFICATE_SERVER_LEN)), 0);
	assert_false(certificate_is_legacy_form(&c));
	assert_int_equal(read_hex(&c, buf, sizeof(buf), "041d0eaabb"), 0); // group 14 alone
	assert_false(certificate_is_legacy_form(&c));
	assert_int_equal(read_hex(&c, buf, sizeof(buf), "041d02aabb00"), 0); // a Marker follows
	assert_false(certificate_is_legacy_form(&c));
}

static void a_builder_writes_whole_or_says_so(void **state)
{
	struct dh_key key = key_of(DH_GROUP_2);
	uint8_t random[CERTIFICATE_RANDOM_LEN] = {0};

	for (size_t cap = 0; cap < 132; cap++) {
		uint8_t *exact = malloc(cap + 1);

		assert_int_equal(certificate_build_static(exact, cap, &key, 1), -ENOBUFS);
		if (cap < CERTIFICATE_SERVER_LEN)
			assert_int_equal(certificate_build_server(exact, cap, random), -ENOBUFS);
		free(exact);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_well_formed_certificates_are_read),
		cmocka_unit_test(keys_and_groups_are_found),
		cmocka_unit_test(a_certificate_longer_than_a_packet_is_refused),
		cmocka_unit_test(fingerprint_ends_at_the_first_marker),
		cmocka_unit_test(ours_read_back_as_they_were_built),
		cmocka_unit_test(a_member_shows_its_group_2_key_first),
		cmocka_unit_test(old_forms_are_told_from_others),
		cmocka_unit_test(a_builder_writes_whole_or_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
