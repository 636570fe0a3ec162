#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/crypto/hex.h"
#include "tests/unit/crypto/keying_ends.h"

static const struct pair_case {
	const char *what;
	enum form initiator, responder;
	uint8_t group; // 0: none in common
	bool is_short; // the SKIC has the length that old peers demand
} pair_cases[] = {
	{"peer to server", PEER, SERVER, DH_GROUP_2, true},
	{"peer to peer", PEER, PEER, DH_GROUP_2, true},
	{"peer to member", PEER, MEMBER, DH_GROUP_2, true},
	{"member to member: the better key", MEMBER, MEMBER, DH_GROUP_14, true},
	{"member to peer: its only key", MEMBER, PEER, DH_GROUP_2, true},
	{"member to server", MEMBER, SERVER, DH_GROUP_14, true},
	{"server to member", SERVER, MEMBER, DH_GROUP_14, false},
	{"both ephemeral", NAMED, NAMED, DH_GROUP_14, false},
	{"ephemeral to static", NAMED, MEMBER, DH_GROUP_14, false},
	{"static to ephemeral", MEMBER, NAMED, DH_GROUP_14, true},
	{"group 2 alone and group 14 alone", PEER, NAMED, 0, false},
	{"the other way round", NAMED, PEER, 0, false},
};

static void every_combination_of_keys_agrees(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(pair_cases) / sizeof(pair_cases[0]); i++) {
		const struct pair_case *c = &pair_cases[i];
		const struct end *a = &f->ends[0][c->initiator], *b = &f->ends[1][c->responder];
		struct handshake h;
		int err = shake(&h, a, &a->policy, b, &b->policy, &f->rng);

		print_message("  %s\n", c->what);
		assert_int_equal(err, c->group != 0 ? 0 : -ENOTSUP);
		if (err != 0)
			continue;
		assert_agreement(&h);
		assert_int_equal(h.initiator.pair.group, c->group);
		assert_int_equal(h.skic.whole.len == 76, c->is_short);
		assert_false(keying_is_legacy_skic(h.skic.whole));
		assert_same_form(h.at_initiator.tx, (struct packet_form){16, true});
		assert_same_form(h.at_initiator.rx, (struct packet_form){16, true});
	}
}

// ---- negotiation ----

static const struct sent_case {
	uint8_t sender, other;
	bool want;
} sent_cases[] = {
	{0, 0, false},
	{0, KEYING_REQ, false},
	{KEYING_REQ, KEYING_REQ, false},
	{KEYING_SOR, 0, false},
	{KEYING_SOR, KEYING_SOR, false},
	{KEYING_SOR, KEYING_SND, false},
	{KEYING_SOR, KEYING_REQ, true},
	{KEYING_SND, 0, true},
	{KEYING_SND, KEYING_REQ, true},
	{KEYING_SND | KEYING_SOR, 0, true},
	{KEYING_SOR | KEYING_REQ, KEYING_SOR | KEYING_REQ, true},
	{KEYING_SOR | 0xf8, 0xf8, false}, // unknown bits say nothing
};

static void a_feature_is_sent_if_meant_or_asked_for(void **state)
{
	for (size_t i = 0; i < sizeof(sent_cases) / sizeof(sent_cases[0]); i++) {
		const struct sent_case *c = &sent_cases[i];
		struct keying_terms near = {.hmac_flags = c->sender, .hmac_len = 10};
		struct keying_terms far = {.hmac_flags = c->other, .hmac_len = 20};
		struct packet_form tx, rx;

		keying_negotiate(&near, &far, &tx, &rx);
		assert_int_equal(tx.tag_len, c->want ? 10 : 0);
		near = (struct keying_terms){.hmac_flags = c->other, .hmac_len = 10};
		far = (struct keying_terms){.hmac_flags = c->sender, .hmac_len = 20};
		keying_negotiate(&near, &far, &tx, &rx);
		assert_int_equal(rx.tag_len, c->want ? 20 : 0);

		near = (struct keying_terms){.sseq_flags = c->sender};
		far = (struct keying_terms){.sseq_flags = c->other};
		keying_negotiate(&near, &far, &tx, &rx);
		assert_int_equal(tx.has_sseq, c->want);
		assert_false(rx.tag_len != 0 || tx.tag_len != 0);
	}
}

// Requirement 111: any length from 4 to 32, each direction its own.
static void the_directions_have_lengths_of_their_own(void **state)
{
	struct fixture *f = *state;
	const struct end *i = &f->ends[0][PEER], *r = &f->ends[1][MEMBER];
	struct keying_policy ip = keying_policy_default, rp = keying_policy_default;
	struct handshake h;

	for (uint8_t len = CRYPTO_TAG_MIN; len <= CRYPTO_TAG_MAX; len++) {
		ip.hmac_len = len;
		rp.hmac_len = (uint8_t)(CRYPTO_TAG_MIN + CRYPTO_TAG_MAX - len);
		assert_int_equal(shake(&h, i, &ip, r, &rp, &f->rng), 0);
		assert_agreement(&h);
		assert_int_equal(h.at_initiator.tx.tag_len, len);
		assert_int_equal(h.at_initiator.rx.tag_len, rp.hmac_len);
	}
}

static void who_needs_a_feature_refuses_those_without(void **state)
{
	struct fixture *f = *state;
	const struct end *i = &f->ends[0][PEER], *r = &f->ends[1][PEER];
	struct keying_policy bare = keying_policy_default, needs = bare;
	struct handshake h;

	bare.hmac = bare.sseq = KEYING_OFF;
	needs.hmac = needs.sseq = KEYING_REQUIRE;
	assert_int_equal(shake(&h, i, &needs, r, &bare, &f->rng), -EACCES);
	assert_int_equal(keying_lacks(&needs, &h.skrc.terms), KEYING_LACKS_HMAC);
	needs.hmac = KEYING_PREFER;
	assert_int_equal(shake(&h, i, &needs, r, &bare, &f->rng), -EACCES);
	assert_int_equal(keying_lacks(&needs, &h.skrc.terms), KEYING_LACKS_SSEQ);
	assert_int_equal(shake(&h, i, &bare, r, &needs, &f->rng), -EACCES);
	assert_int_equal(shake(&h, i, &needs, r, &needs, &f->rng), 0);
	assert_same_form(h.at_initiator.tx, (struct packet_form){16, true});
}

// ---- ready pairs ----

static void a_ready_pair_is_used_where_one_is_needed(void **state)
{
	struct fixture *f = *state;
	const struct end *i = &f->ends[0][PEER], *r = &f->ends[1][SERVER];
	struct keying_near near_i = near_of(i, &i->policy), near_r = near_of(r, &r->policy);
	struct keying initiator, responder;
	struct keying_component skic;
	struct dh_key ready;

	assert_int_equal(keying_initiator_needs(&near_i, &r->certificate), DH_GROUP_NONE);
	assert_int_equal(keying_initiate(&initiator, &near_i, &r->certificate, NULL, &f->rng), 0);
	assert_int_equal(keying_component_read(&skic, component_of(&initiator)), 0);
	assert_int_equal(keying_responder_needs(&near_r, &i->certificate, &skic), DH_GROUP_2);
	assert_int_equal(dh_key_generate(&ready, DH_GROUP_2, &f->rng), 0);
	assert_int_equal(
		keying_respond(&responder, &near_r, &i->certificate, &skic, &ready, &f->rng), 0);
	assert_memory_equal(responder.pair.public_key, ready.public_key, ready.public_len);
	assert_int_equal(keying_initiator_needs(&near_r, &f->ends[0][MEMBER].certificate),
			 DH_GROUP_14);
	assert_int_equal(keying_initiator_needs(&near_i, &f->ends[0][NAMED].certificate), -ENOTSUP);
}

// ---- components of strangers ----

static const struct read_case {
	const char *what, *hex;
	int want;
} read_cases[] = {
	{"nothing", "", 0},
	{"only a Marker", "00", 0},
	{"unknown options", "0333aabb", 0},
	{"an ephemeral key", "040d02aabb", 0},
	{"two of them", "040d02aabb040d02aabb", -EBADMSG},
	{"two selections", "021d02021d0e", -EBADMSG},
	{"two HMAC negotiations", "031a0000031a0000", -EBADMSG},
	{"two number negotiations", "021e00021e00", -EBADMSG},
	{"randomness of any length, and more of it", "010e020eaa", 0},
	{"HMAC always, of 4", "031a0404", 0},
	{"HMAC always, of 32", "031a0420", 0},
	{"HMAC always, of none, would verify everything", "031a0400", -EBADMSG},
	{"HMAC on request, of 3", "031a0203", -EBADMSG},
	{"HMAC on request, of 33", "031a0221", -EBADMSG},
	{"HMAC of 2^63 + 10",
	 "0c1a02818080808080808080"
	 "0a",
	 -EBADMSG},
	{"HMAC never: the length does not matter", "031a0103", 0},
	{"HMAC without a length", "021a02", -EBADMSG},
	{"HMAC without flags", "011a", -EBADMSG},
	{"numbers without flags", "011e", -EBADMSG},
	{"a key without a group", "010d", -EBADMSG},
	{"a selection without a group", "011d", -EBADMSG},
	{"an option that runs out", "050d02aabb", -EBADMSG},
};

static void only_well_formed_components_are_read(void **state)
{
	for (size_t i = 0; i < sizeof(read_cases) / sizeof(read_cases[0]); i++) {
		struct keying_component k;
		uint8_t buf[32];
		size_t len = hex_read(buf, sizeof(buf), read_cases[i].hex);

		print_message("  %s\n", read_cases[i].what);
		assert_int_equal(keying_component_read(&k, span_of(buf, len)), read_cases[i].want);
	}
}

static const struct refused_case {
	const char *what;
	enum form initiator, responder;
	const char *skic_hex;
	int want;
} refused_cases[] = {
	{"a static certificate with an ephemeral key: whose is it?", PEER, SERVER, "040d02aabb",
	 -EPROTO},
	{"a static certificate with both", PEER, SERVER, "021d02040d02aabb", -EPROTO},
	{"a static certificate that selects nothing", PEER, SERVER, "020eaa", -EPROTO},
	{"a selected group that its certificate lacks", PEER, SERVER, "021d0e", -EPROTO},
	{"an ephemeral certificate that selects", SERVER, SERVER, "021d02", -EPROTO},
	{"an ephemeral certificate without a key", SERVER, SERVER, "020eaa", -EPROTO},
	{"a group nobody knows", SERVER, SERVER, "040d7faabb", -ENOTSUP},
	{"group 0", SERVER, SERVER, "040d00aabb", -ENOTSUP},
	{"a group that we have no key for", SERVER, PEER, "040d0eaabb", -ENOTSUP},
	{"a group that we do not list", SERVER, NAMED, "040d02aabb", -ENOTSUP},
};

static void unfit_components_are_refused(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(refused_cases) / sizeof(refused_cases[0]); i++) {
		const struct refused_case *c = &refused_cases[i];
		const struct end *r = &f->ends[1][c->responder];
		struct keying_near near = near_of(r, &r->policy);
		struct keying_component skic;
		struct keying k;
		uint8_t buf[32];

		print_message("  %s\n", c->what);
		assert_int_equal(
			keying_component_read(
				&skic, span_of(buf, hex_read(buf, sizeof(buf), c->skic_hex))),
			0);
		assert_int_equal(keying_respond(&k, &near, &f->ends[0][c->initiator].certificate,
						&skic, NULL, &f->rng),
				 c->want);
	}
}

static void a_weak_far_key_opens_nothing(void **state)
{
	struct fixture *f = *state;
	const struct end *i = &f->ends[0][SERVER], *r = &f->ends[1][MEMBER];
	struct keying_near near = near_of(r, &r->policy);
	struct session_secrets secrets, nothing;
	struct keying_component skic;
	struct keying k;
	uint8_t one[] = {0x03, KEYING_EPHEMERAL_KEY, DH_GROUP_2, 0x01}; // secret 1, known to all

	memset(&nothing, 0, sizeof(nothing));
	assert_int_equal(keying_component_read(&skic, span_of(one, sizeof(one))), 0);
	assert_int_equal(keying_respond(&k, &near, &i->certificate, &skic, NULL, &f->rng), 0);
	assert_int_equal(keying_complete(&k, &i->certificate, &skic, &secrets), -EBADMSG);
	assert_memory_equal(&secrets, &nothing, sizeof(secrets));
}

// A responder with a static key that nevertheless sends an ephemeral one proves nothing.
static void an_initiator_holds_a_responder_to_its_certificate(void **state)
{
	struct fixture *f = *state;
	const struct end *i = &f->ends[0][MEMBER], *r = &f->ends[1][MEMBER];
	struct keying_near near = near_of(i, &i->policy);
	struct session_secrets secrets;
	struct keying_component skrc = {0};
	struct keying k;

	assert_int_equal(keying_initiate(&k, &near, &r->certificate, NULL, &f->rng), 0);
	skrc.ephemeral_group = DH_GROUP_14;
	skrc.ephemeral = span_of(i->keys[1].public_key, i->keys[1].public_len);
	assert_int_equal(keying_complete(&k, &r->certificate, &skrc, &secrets), -EPROTO);
	assert_int_equal(keying_complete(&k, &f->ends[1][NAMED].certificate, &skrc, &secrets), 0);
	skrc.ephemeral_group = DH_GROUP_2; // not the group of our own key
	assert_int_equal(keying_complete(&k, &f->ends[1][NAMED].certificate, &skrc, &secrets),
			 -EPROTO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_combination_of_keys_agrees),
		cmocka_unit_test(a_feature_is_sent_if_meant_or_asked_for),
		cmocka_unit_test(the_directions_have_lengths_of_their_own),
		cmocka_unit_test(who_needs_a_feature_refuses_those_without),
		cmocka_unit_test(a_ready_pair_is_used_where_one_is_needed),
		cmocka_unit_test(only_well_formed_components_are_read),
		cmocka_unit_test(unfit_components_are_refused),
		cmocka_unit_test(a_weak_far_key_opens_nothing),
		cmocka_unit_test(an_initiator_holds_a_responder_to_its_certificate),
	};

	return cmocka_run_group_tests(tests, ends_setup, ends_teardown);
}
