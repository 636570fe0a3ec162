#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/epd.h"
#include "tests/unit/crypto/hex.h"

#define FP "b71cf48a0196d5d74890131b608318e01e6ad58b61004c312237f8ca28ee2d38"

static const struct read_case {
	const char *what, *hex;
	int want;
} read_cases[] = {
	{"a fingerprint", "210f" FP, 0},
	{"the same with long VLUs", "8022800f" FP, 0},
	{"nothing selects nothing", "", 0},
	{"unknown options are ignored", "0333aabb210f" FP, 0},
	{"a Marker is no option", "00020a61", 0},
	{"two fingerprints", "210f" FP "210f" FP, -EBADMSG},
	{"two hostnames", "020061020061", -EBADMSG},
	{"two ancillary data", "020a61020a61", -EBADMSG},
	{"a short fingerprint", "020faa", -EBADMSG},
	{"an option that runs out", "030a61", -EBADMSG},
};

static void only_well_formed_discriminators_are_read(void **state)
{
	for (size_t i = 0; i < sizeof(read_cases) / sizeof(read_cases[0]); i++) {
		uint8_t buf[96];
		struct epd epd;
		size_t len = hex_read(buf, sizeof(buf), read_cases[i].hex);

		print_message("  %s\n", read_cases[i].what);
		assert_int_equal(epd_read(&epd, span_of(buf, len)), read_cases[i].want);
	}
}

static void what_is_built_reads_back(void **state)
{
	uint8_t buf[EPD_CANONICAL_LEN], fingerprint[FINGERPRINT_LEN];
	const char *uri = "rtmfp://a/b";
	struct epd epd;
	int len;

	hex_read(fingerprint, sizeof(fingerprint), FP);
	epd_canonical(buf, fingerprint);
	assert_int_equal(epd_read(&epd, span_of(buf, sizeof(buf))), 0);
	assert_memory_equal(epd.fingerprint.data, fingerprint, FINGERPRINT_LEN);
	len = epd_build_ancillary(buf, sizeof(buf), span_of(uri, strlen(uri)));
	assert_int_equal(epd_read(&epd, span_of(buf, (size_t)len)), 0);
	assert_true(span_equal(epd.ancillary, span_of(uri, strlen(uri))));
	assert_null(epd.hostname.data);
	assert_int_equal(epd_build_ancillary(buf, 5, span_of(uri, strlen(uri))), -ENOBUFS);
}

// An endpoint without a hostname is not meant by an EPD that asks for an empty one.
static void a_missing_hostname_is_not_an_empty_one(void **state)
{
	uint8_t unnamed[8], named[8], asked[8];
	struct certificate without, with;
	struct epd epd;

	assert_int_equal(
		certificate_read(&without, span_of(unnamed, hex_read(unnamed, 8, "021502"))), 0);
	assert_int_equal(certificate_read(&with, span_of(named, hex_read(named, 8, "0100021502"))),
			 0);
	assert_int_equal(epd_read(&epd, span_of(asked, hex_read(asked, 8, "0100"))), 0);
	assert_false(epd_selects(&epd, &without));
	assert_true(epd_selects(&epd, &with));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_well_formed_discriminators_are_read),
		cmocka_unit_test(what_is_built_reads_back),
		cmocka_unit_test(a_missing_hostname_is_not_an_empty_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
