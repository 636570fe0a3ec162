// Any octets as options, wherever options are read: bare sequences and lists, certificates,
// endpoint discriminators, keying components, and the signature beside them. Refused, or what was
// read lies inside the octets and keeps its promises.
#include <assert.h>

#include "crypto/certificate.h"
#include "crypto/epd.h"
#include "crypto/keying.h"
#include "crypto/signature.h"
#include "dataplane/wire/option.h"
#include "tests/fuzz/oracle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_inside(struct span part, struct span whole)
{
	return part.data == NULL || (part.data >= whole.data && part.len <= whole.len &&
				     part.data + part.len <= whole.data + whole.len);
}

// ---- options ----

static void check_list(struct span octets, struct span (*take)(struct rd *))
{
	struct rd r = rd_over_span(octets), inner;
	struct span list = take(&r), value, found;
	uint64_t type;
	unsigned n;

	if (rd_err(&r) != 0)
		return;
	assert(is_inside(list, octets));
	// What was taken off as a list reads as one, to its end.
	inner = rd_over_span(list);
	for (n = 0; opt_next(&inner, &type, &value) == OPT_FOUND; n++) {
		assert(is_inside(value, list));
		if (n == 0)
			assert(opt_find(list, type, &found) == 0 && found.data == value.data);
	}
	assert(rd_err(&inner) == 0);
}

static void check_sequence(struct span octets)
{
	struct rd r = rd_over_span(octets);
	struct span value;
	enum opt_kind kind;
	uint64_t type, number;
	size_t left = octets.len;

	while ((kind = opt_next(&r, &type, &value)) != OPT_END) {
		assert(rd_left(&r) < left && is_inside(value, octets));
		assert(kind == OPT_FOUND || (type == 0 && value.len == 0));
		left = rd_left(&r);
		opt_value_vlu(&number, value);
	}
	assert(rd_err(&r) != 0 || rd_left(&r) == 0);
}

// ---- certificates ----

static void check_certificate(struct span octets)
{
	struct certificate c, canonical;

	if (certificate_read(&c, octets) != 0)
		return;
	assert(octets.len <= CERTIFICATE_LEN_MAX && c.has_static != c.has_ephemeral);
	assert(c.canonical.data == octets.data && c.canonical.len <= octets.len &&
	       is_inside(c.hostname, octets));
	assert(c.n_keys <= CERTIFICATE_KEYS_MAX && c.n_ephemeral <= CERTIFICATE_KEYS_MAX);
	for (unsigned i = 0; i < c.n_keys; i++) {
		assert(is_inside(c.keys[i].public_key, octets));
		assert(certificate_key_of(&c, c.keys[i].group).data == c.keys[i].public_key.data);
	}
	for (unsigned i = 0; i < c.n_ephemeral; i++)
		assert(certificate_has_ephemeral(&c, c.ephemeral[i]));
	// The canonical section alone is the same identity.
	assert(certificate_read(&canonical, c.canonical) == 0);
	assert(octets_equal(c.fingerprint, canonical.fingerprint, FINGERPRINT_LEN));
	assert(!certificate_is_legacy_form(&c) || certificate_is_legacy_form(&canonical));
}

// ---- endpoint discriminators ----

// A server with a name, so that every rule of the selection is reached.
static struct certificate server(void)
{
	static const uint8_t octets[] = {
		0x02, CERTIFICATE_HOSTNAME,        'h',        0x01, CERTIFICATE_ACCEPTS_ANCILLARY,
		0x02, CERTIFICATE_EPHEMERAL_GROUP, DH_GROUP_14};
	struct certificate c;
	int err = certificate_read(&c, span_of(octets, sizeof(octets)));

	assert(err == 0);
	return c;
}

static void check_epd(struct span octets)
{
	struct certificate c = server();
	struct epd epd;

	if (epd_read(&epd, octets) != 0 || !epd_selects(&epd, &c))
		return;
	assert(epd.fingerprint.data != NULL || epd.hostname.data != NULL ||
	       epd.ancillary.data != NULL);
	assert(epd.fingerprint.data != NULL || epd.hostname.data == NULL ||
	       (epd.hostname.len == 1 && epd.hostname.data[0] == 'h'));
}

static void check_component(struct span octets)
{
	struct keying_component c;

	if (keying_component_read(&c, octets) == 0)
		assert(c.terms.hmac_len == 0 ||
		       (c.terms.hmac_len >= CRYPTO_TAG_MIN && c.terms.hmac_len <= CRYPTO_TAG_MAX));
}

static int run(const uint8_t *data, size_t size)
{
	const struct signature_password known = {span_of("id", 2), span_of("password", 8)};
	struct span octets = span_of(data, size);

	check_list(octets, rd_options);
	check_list(octets, rd_options_or_end);
	check_sequence(octets);
	check_certificate(octets);
	check_epd(octets);
	check_component(octets);
	// Nobody guesses an HMAC.
	assert(signature_verify(octets, octets, &known, 1) != SIGNATURE_GOOD);
	return 0;
}

// Short options of a type nobody knows.
static size_t usual(uint8_t *to, size_t len)
{
	return oracle_repeat(to, len, NULL, 0, "\x05\x60now!", 6);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct oracle o = {.run = run, .usual = usual, .memory_max = 4096};

	oracle_run(&o, data, size);
	return 0;
}
