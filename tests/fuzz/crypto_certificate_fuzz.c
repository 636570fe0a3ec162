// Any octets as a certificate: refused, or what was read lies inside them and has one kind of key.
#include <assert.h>

#include "crypto/certificate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_inside(struct span part, struct span whole)
{
	return part.data == NULL || (part.data >= whole.data && part.len <= whole.len &&
				     part.data + part.len <= whole.data + whole.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span octets = span_of(data, size);
	struct certificate c, canonical;

	if (certificate_read(&c, octets) != 0)
		return 0;
	assert(size <= CERTIFICATE_LEN_MAX && c.has_static != c.has_ephemeral);
	assert(c.canonical.data == data && c.canonical.len <= size &&
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
	return 0;
}
