// Any octets as an endpoint discriminator, and as the signature beside it.
#include <assert.h>

#include "crypto/epd.h"
#include "crypto/signature.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct signature_password known = {span_of("id", 2), span_of("password", 8)};
	struct span octets = span_of(data, size);
	struct certificate c = server();
	struct epd epd;

	if (epd_read(&epd, octets) == 0 && epd_selects(&epd, &c)) {
		assert(epd.fingerprint.data != NULL || epd.hostname.data != NULL ||
		       epd.ancillary.data != NULL);
		assert(epd.fingerprint.data != NULL || epd.hostname.data == NULL ||
		       (epd.hostname.len == 1 && epd.hostname.data[0] == 'h'));
	}
	// Nobody guesses an HMAC.
	assert(signature_verify(octets, octets, &known, 1) != SIGNATURE_GOOD);
	return 0;
}
