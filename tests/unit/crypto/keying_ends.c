#include "tests/unit/crypto/keying_ends.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int end_build(struct end *e, enum form form, const struct random *rng)
{
	static const uint8_t ephemeral[] = {DH_GROUP_14};
	struct certificate_form named = {
		.hostname = span_of("a.example", 9), .ephemeral = ephemeral, .n_ephemeral = 1};
	uint8_t random[CERTIFICATE_RANDOM_LEN];

	switch (form) {
	case SERVER:
		random_fill(rng, random, sizeof(random));
		return certificate_build_server(e->octets, sizeof(e->octets), random);
	case NAMED:
		return certificate_build(e->octets, sizeof(e->octets), &named);
	default:
		e->n_keys = form == MEMBER ? 2 : 1;
		for (unsigned i = 0; i < e->n_keys; i++)
			dh_key_generate(&e->keys[i], i == 0 ? DH_GROUP_2 : DH_GROUP_14, rng);
		return certificate_build_static(e->octets, sizeof(e->octets), e->keys, e->n_keys);
	}
}

int ends_setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->rng = random_seeded(&f->rs, 41);
	for (unsigned i = 0; i < 2; i++)
		for (unsigned form = 0; form < N_FORMS; form++) {
			struct end *e = &f->ends[i][form];
			int len = end_build(e, (enum form)form, &f->rng);

			e->policy = keying_policy_default;
			if (len < 0 ||
			    certificate_read(&e->certificate, span_of(e->octets, (size_t)len)) != 0)
				return -1;
		}
	*state = f;
	return 0;
}

int ends_teardown(void **state)
{
	free(*state);
	return 0;
}

struct keying_near near_of(const struct end *e, const struct keying_policy *policy)
{
	return (struct keying_near){&e->certificate, e->keys, e->n_keys, policy};
}

struct span component_of(const struct keying *k)
{
	return span_of(k->component, k->component_len);
}

int shake(struct handshake *h, const struct end *i, const struct keying_policy *i_policy,
	  const struct end *r, const struct keying_policy *r_policy, const struct random *rng)
{
	struct keying_near near_i = near_of(i, i_policy), near_r = near_of(r, r_policy);
	int err = keying_initiate(&h->initiator, &near_i, &r->certificate, NULL, rng);

	if (err == 0)
		err = keying_component_read(&h->skic, component_of(&h->initiator));
	if (err == 0)
		err = keying_respond(&h->responder, &near_r, &i->certificate, &h->skic, NULL, rng);
	if (err == 0)
		err = keying_component_read(&h->skrc, component_of(&h->responder));
	if (err == 0)
		err = keying_complete(&h->responder, &i->certificate, &h->skic, &h->at_responder);
	if (err == 0)
		err = keying_complete(&h->initiator, &r->certificate, &h->skrc, &h->at_initiator);
	return err;
}

void assert_same_form(struct packet_form a, struct packet_form b)
{
	assert_int_equal(a.tag_len, b.tag_len);
	assert_int_equal(a.has_sseq, b.has_sseq);
}

void assert_agreement(const struct handshake *h)
{
	const struct session_secrets *i = &h->at_initiator, *r = &h->at_responder;

	assert_memory_equal(i->encrypt_key, r->decrypt_key, SHA256_LEN);
	assert_memory_equal(i->decrypt_key, r->encrypt_key, SHA256_LEN);
	assert_memory_equal(i->hmac_send_key, r->hmac_recv_key, SHA256_LEN);
	assert_memory_equal(i->hmac_recv_key, r->hmac_send_key, SHA256_LEN);
	assert_memory_equal(i->near_nonce, r->far_nonce, SHA256_LEN);
	assert_memory_equal(i->far_nonce, r->near_nonce, SHA256_LEN);
	assert_memory_not_equal(i->encrypt_key, i->decrypt_key, SHA256_LEN);
	assert_same_form(i->tx, r->rx);
	assert_same_form(i->rx, r->tx);
}
