// One handshake half as a value.
#include <errno.h>

#include "crypto/random.h"
#include "tests/unit/control/startup/halves.h"

struct world {
	struct random_state state;
	struct random rng;
	struct identity peer, other, appliance;
};

static int begin(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	w->rng = random_seeded(&w->state, 1);
	assert_int_equal(identity_generate(&w->peer, IDENTITY_PEER, &w->rng), 0);
	assert_int_equal(identity_generate(&w->other, IDENTITY_PEER, &w->rng), 0);
	assert_int_equal(identity_generate(&w->appliance, IDENTITY_APPLIANCE, &w->rng), 0);
	*state = w;
	return 0;
}

static int end(void **state)
{
	free(*state);
	return 0;
}

static void three_halves_make_one_session(void **state)
{
	struct world *w = *state;
	const struct {
		const char *name;
		const struct identity_endpoint *initiator, *responder;
		enum dh_group initiator_needs, responder_needs, group;
	} rows[] = {
		{"peer to peer", &w->peer.member, &w->other.member, DH_GROUP_NONE, DH_GROUP_NONE,
		 DH_GROUP_2},
		// A static key is the only one a certificate may key with: group 2 though 14 is
		// offered.
		{"peer to server", &w->peer.member, &w->appliance.server, DH_GROUP_NONE, DH_GROUP_2,
		 DH_GROUP_2},
		{"peer to member", &w->peer.member, &w->appliance.member, DH_GROUP_NONE,
		 DH_GROUP_NONE, DH_GROUP_2},
		{"member to server", &w->appliance.member, &w->appliance.server, DH_GROUP_NONE,
		 DH_GROUP_14, DH_GROUP_14},
		{"server to member", &w->appliance.server, &w->appliance.member, DH_GROUP_14,
		 DH_GROUP_NONE, DH_GROUP_14},
	};

	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		struct key_job *a = half_blank(KEY_INITIATE, rows[i].initiator, rows[i].responder);
		struct key_job *b, *c;

		assert_row(key_job_needs(a) == rows[i].initiator_needs, rows[i].name);
		key_job_run(a, NULL, &w->rng);
		assert_row(a->result == 0, rows[i].name);
		b = half_after(KEY_RESPOND, rows[i].responder, rows[i].initiator, a);
		assert_row(key_job_needs(b) == rows[i].responder_needs, rows[i].name);
		key_job_run(b, NULL, &w->rng);
		assert_row(b->result == 0, rows[i].name);
		c = half_after(KEY_COMPLETE, rows[i].initiator, rows[i].responder, b);
		c->keying = a->keying;
		assert_row(key_job_needs(c) == DH_GROUP_NONE, rows[i].name);
		key_job_run(c, NULL, &w->rng);
		assert_row(c->result == 0, rows[i].name);
		assert_row(c->keying.pair.group == rows[i].group, rows[i].name);
		assert_secrets_meet(&b->secrets, &c->secrets);
		free(a);
		free(b);
		free(c);
	}
}

static void a_ready_pair_is_used(void **state)
{
	struct world *w = *state;
	struct key_job *a = half_blank(KEY_INITIATE, &w->appliance.server, &w->appliance.member);
	struct key_job *b = half_blank(KEY_INITIATE, &w->peer.member, &w->appliance.server), *c;
	struct dh_key ready;

	assert_int_equal(dh_key_generate(&ready, DH_GROUP_14, &w->rng), 0);
	key_job_run(a, &ready, &w->rng);
	assert_int_equal(a->result, 0);
	assert_memory_equal(a->keying.pair.public_key, ready.public_key, ready.public_len);

	key_job_run(b, NULL, &w->rng);
	c = half_after(KEY_RESPOND, &w->appliance.server, &w->peer.member, b);
	assert_int_equal(dh_key_generate(&ready, DH_GROUP_2, &w->rng), 0);
	key_job_run(c, &ready, &w->rng);
	assert_int_equal(c->result, 0);
	assert_memory_equal(c->keying.pair.public_key, ready.public_key, ready.public_len);
	free(a);
	free(b);
	free(c);
}

static void bad_octets_are_a_result(void **state)
{
	struct world *w = *state;
	static const uint8_t skic[] = {0x05, 0x1d}, cert[] = {0x01, 0x0a};
	struct span own = span_of(w->other.member.certificate, w->other.member.certificate_len);
	struct key_job *j = half_blank(KEY_RESPOND, &w->peer.member, &w->other.member);
	static uint8_t huge[2000];

	assert_int_equal(key_job_far_set(j, own, span_of(skic, 2)), 0);
	assert_int_equal(key_job_needs(j), DH_GROUP_NONE);
	key_job_run(j, NULL, &w->rng);
	assert_int_equal(j->result, -EBADMSG);
	assert_int_equal(key_job_far_set(j, span_of(cert, 2), span_of(skic, 2)), 0);
	key_job_run(j, NULL, &w->rng);
	assert_int_equal(j->result, -EBADMSG);
	assert_int_equal(key_job_far_set(j, own, span_of(huge, KEY_COMPONENT_FAR_MAX + 1)),
			 -EBADMSG);
	assert_int_equal(key_job_far_set(j, span_of(huge, CERTIFICATE_LEN_MAX + 1), own), -EBADMSG);
	free(j);
}

static void a_wiped_job_holds_no_secret(void **state)
{
	struct world *w = *state;
	struct key_job *a = half_blank(KEY_INITIATE, &w->peer.member, &w->other.member), *b;
	static const struct session_secrets none;
	static const uint8_t zeros[DH_EXPONENT_MAX];

	key_job_run(a, NULL, &w->rng);
	b = half_after(KEY_RESPOND, &w->other.member, &w->peer.member, a);
	key_job_run(b, NULL, &w->rng);
	assert_memory_not_equal(b->keying.pair.exponent, zeros, sizeof(zeros));
	key_job_wipe(b);
	assert_memory_equal(b->keying.pair.exponent, zeros, sizeof(zeros));
	assert_memory_equal(b->secrets.encrypt_key, none.encrypt_key, SHA256_LEN);
	assert_memory_equal(b->secrets.near_nonce, none.near_nonce, SHA256_LEN);
	free(a);
	free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
		T(three_halves_make_one_session),
		T(a_ready_pair_is_used),
		T(bad_octets_are_a_result),
		T(a_wiped_job_holds_no_secret),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
