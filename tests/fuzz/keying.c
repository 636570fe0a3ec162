// Any certificate with any keying component at a responder: nothing opens with a key that fails the
// checks, and what opens has lengths that packets can have.
#include <assert.h>
#include <string.h>

#include "crypto/keying.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// One near end with a static key of group 2, made once.
struct near_end {
	bool is_made;
	uint8_t octets[CERTIFICATE_LEN_MAX];
	struct dh_key key;
	struct certificate certificate;
	struct random_state rs;
	struct random rng;
};

static void near_make(struct near_end *e)
{
	int len, err;

	e->rng = random_seeded(&e->rs, 1);
	err = dh_key_generate(&e->key, DH_GROUP_2, &e->rng);
	assert(err == 0);
	len = certificate_build_static(e->octets, sizeof(e->octets), &e->key, 1);
	assert(len > 0);
	err = certificate_read(&e->certificate, span_of(e->octets, (size_t)len));
	assert(err == 0);
	e->is_made = true;
}

static void forms_check(struct packet_form form)
{
	assert(form.tag_len == 0 ||
	       (form.tag_len >= CRYPTO_TAG_MIN && form.tag_len <= CRYPTO_TAG_MAX));
}

static void respond(struct near_end *e, const struct certificate *far,
		    const struct keying_component *skic)
{
	struct keying_near near = {&e->certificate, &e->key, 1, &keying_policy_default};
	struct session_secrets secrets;
	struct keying k;

	if (keying_respond(&k, &near, far, skic, NULL, &e->rng) != 0)
		return;
	assert(k.component_len > 0 && k.component_len <= KEYING_COMPONENT_MAX);
	if (keying_complete(&k, far, skic, &secrets) != 0)
		return;
	forms_check(secrets.tx);
	forms_check(secrets.rx);
}

// The first two octets say where the certificate ends and the component begins.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct near_end near;
	struct keying_component skic;
	struct certificate far;
	size_t split;

	if (!near.is_made)
		near_make(&near);
	if (size < 2)
		return 0;
	split = 2 + (size_t)(data[0] << 8 | data[1]) % (size - 1);
	if (keying_component_read(&skic, span_of(data + split, size - split)) != 0)
		return 0;
	forms_check((struct packet_form){skic.terms.hmac_len, false});
	if (certificate_read(&far, span_of(data + 2, split - 2)) == 0)
		respond(&near, &far, &skic);
	return 0;
}
