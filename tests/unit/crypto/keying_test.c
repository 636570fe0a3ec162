#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/keying.h"
#include "tests/unit/crypto/hex.h"

// An end with its keys, as identity files and certificates give them.
struct end {
	uint8_t octets[CERTIFICATE_LEN_MAX];
	struct certificate certificate;
	struct dh_key keys[2];
	unsigned n_keys;
	struct keying_policy policy;
};

enum form {
	SERVER, // ephemeral groups 2, 5, 14, the old form
	MEMBER, // static groups 2 and 14
	PEER,   // static group 2 alone, the old form
	NAMED,  // ephemeral group 14 with a hostname: surely no old peer
	N_FORMS
};

struct fixture {
	struct random_state rs;
	struct random rng;
	struct end ends[2][N_FORMS]; // initiators and responders with keys of their own
};

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

static int setup(void **state)
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

static int teardown(void **state)
{
	free(*state);
	return 0;
}

static struct keying_near near_of(const struct end *e, const struct keying_policy *policy)
{
	return (struct keying_near){&e->certificate, e->keys, e->n_keys, policy};
}

static struct span component_of(const struct keying *k)
{
	return span_of(k->component, k->component_len);
}

// What both ends made of one handshake.
struct handshake {
	struct keying initiator, responder;
	struct keying_component skic, skrc;
	struct session_secrets at_initiator, at_responder;
};

// The error of the first step that fails.
static int shake(struct handshake *h, const struct end *i, const struct keying_policy *i_policy,
		 const struct end *r, const struct keying_policy *r_policy,
		 const struct random *rng)
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

static void assert_same_form(struct packet_form a, struct packet_form b)
{
	assert_int_equal(a.tag_len, b.tag_len);
	assert_int_equal(a.has_sseq, b.has_sseq);
}

static void assert_agreement(const struct handshake *h)
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

static const struct pair_case {
	const char *what;
	enum form initiator, responder;
	uint8_t group;   // 0: none in common
	bool is_literal; // the SKIC is that of old peers
	bool has_sseq;
} pair_cases[] = {
	{"peer to server: the old shapes", PEER, SERVER, DH_GROUP_2, true, false},
	{"peer to peer: the old shapes", PEER, PEER, DH_GROUP_2, true, false},
	{"peer to member: both speak more", PEER, MEMBER, DH_GROUP_2, false, true},
	{"member to member: the better key", MEMBER, MEMBER, DH_GROUP_14, false, true},
	{"member to peer: its only key", MEMBER, PEER, DH_GROUP_2, true, false},
	{"member to server", MEMBER, SERVER, DH_GROUP_14, false, true},
	{"server to member", SERVER, MEMBER, DH_GROUP_14, false, true},
	{"both ephemeral", NAMED, NAMED, DH_GROUP_14, false, true},
	{"ephemeral to static", NAMED, MEMBER, DH_GROUP_14, false, true},
	{"static to ephemeral", MEMBER, NAMED, DH_GROUP_14, false, true},
	{"group 2 alone and group 14 alone", PEER, NAMED, 0, false, false},
	{"the other way round", NAMED, PEER, 0, false, false},
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
		assert_int_equal(keying_is_legacy_skic(h.skic.whole), c->is_literal);
		assert_int_equal(h.at_initiator.tx.has_sseq, c->has_sseq);
		assert_int_equal(h.at_initiator.rx.has_sseq, c->has_sseq);
	}
}

// ---- the literal shapes of §16.3 ----

static void assert_shape(struct span got, const char *before_hex, size_t between,
			 const char *after_hex)
{
	uint8_t before[16], after[16];
	size_t before_len = hex_read(before, sizeof(before), before_hex);
	size_t after_len = hex_read(after, sizeof(after), after_hex);

	assert_int_equal(got.len, before_len + between + after_len);
	assert_memory_equal(got.data, before, before_len);
	assert_memory_equal(got.data + got.len - after_len, after, after_len);
}

static void an_old_peer_gets_the_literal_components(void **state)
{
	struct fixture *f = *state;
	const struct end *i = &f->ends[0][PEER], *r = &f->ends[1][PEER];
	struct handshake h;

	assert_int_equal(shake(&h, i, &i->policy, r, &r->policy, &f->rng), 0);
	assert_shape(h.skic.whole, "021d02410e", 64, "031a020a021e02"); // 76 octets
	assert_shape(h.skrc.whole, "031a0000021e00410e", 64, "");       // 73 octets
}

static void an_old_client_gets_the_literal_server_component(void **state)
{
	struct fixture *f = *state;
	const struct end *i = &f->ends[0][PEER], *r = &f->ends[1][SERVER];
	struct handshake h;

	assert_int_equal(shake(&h, i, &i->policy, r, &r->policy, &f->rng), 0);
	assert_shape(h.skrc.whole, "031a0000021e0081020d02", 128, "");
}

static void a_member_answers_an_old_initiator_literally(void **state)
{
	struct fixture *f = *state;
	const struct end *i = &f->ends[0][PEER], *r = &f->ends[1][MEMBER];
	struct keying_near near_i = near_of(i, &i->policy), near_r = near_of(r, &r->policy);
	struct certificate first_only = r->certificate; // all that librtmfp sees of a member
	struct keying initiator, responder;
	struct keying_component skic;

	first_only.whole = f->ends[0][PEER].certificate.whole;
	first_only.n_keys = 1;
	assert_int_equal(keying_initiate(&initiator, &near_i, &first_only, NULL, &f->rng), 0);
	assert_int_equal(keying_component_read(&skic, component_of(&initiator)), 0);
	assert_true(keying_is_legacy_skic(skic.whole));
	assert_int_equal(keying_respond(&responder, &near_r, &i->certificate, &skic, NULL, &f->rng),
			 0);
	assert_shape(component_of(&responder), "031a0000021e00410e", 64, "");
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
		struct keying_policy near = {.hmac_flags = c->sender, .hmac_len = 10};
		struct keying_component far = {.hmac_flags = c->other, .hmac_len = 20};
		struct packet_form tx, rx;

		keying_negotiate(&near, &far, &tx, &rx);
		assert_int_equal(tx.tag_len, c->want ? 10 : 0);
		near = (struct keying_policy){.hmac_flags = c->other, .hmac_len = 10};
		far = (struct keying_component){.hmac_flags = c->sender, .hmac_len = 20};
		keying_negotiate(&near, &far, &tx, &rx);
		assert_int_equal(rx.tag_len, c->want ? 20 : 0);

		near = (struct keying_policy){.sseq_flags = c->sender};
		far = (struct keying_component){.sseq_flags = c->other};
		keying_negotiate(&near, &far, &tx, &rx);
		assert_int_equal(tx.has_sseq, c->want);
		assert_false(rx.tag_len != 0 || tx.tag_len != 0);
	}
}

static void the_directions_have_lengths_of_their_own(void **state)
{
	struct fixture *f = *state;
	const struct end *i = &f->ends[0][MEMBER], *r = &f->ends[1][MEMBER];
	struct keying_policy ip = {.hmac_flags = KEYING_SND, .hmac_len = 32};
	struct keying_policy rp = {
		.hmac_flags = KEYING_SND | KEYING_REQ, .hmac_len = 4, .sseq_flags = KEYING_SND};
	struct handshake h;

	assert_int_equal(shake(&h, i, &ip, r, &rp, &f->rng), 0);
	assert_agreement(&h);
	assert_same_form(h.at_initiator.tx, (struct packet_form){32, false});
	assert_same_form(h.at_initiator.rx, (struct packet_form){4, true});
}

static void who_needs_a_feature_refuses_those_without(void **state)
{
	struct fixture *f = *state;
	const struct end *i = &f->ends[0][PEER], *r = &f->ends[1][PEER];
	struct keying_policy bare = {0}, offers = keying_policy_default, needs = offers;
	struct handshake h;

	needs.needs_hmac = needs.needs_sseq = true;
	needs.hmac_flags |= KEYING_REQ;
	assert_int_equal(shake(&h, i, &needs, r, &bare, &f->rng), -EPROTO);
	assert_int_equal(shake(&h, i, &needs, r, &needs, &f->rng), 0);
	assert_same_form(h.at_initiator.tx, (struct packet_form){16, true});
	// A literal SKIC offers both, so a responder in need takes them instead of answering
	// literally.
	assert_int_equal(shake(&h, i, &offers, r, &needs, &f->rng), 0);
	assert_same_form(h.at_responder.rx, (struct packet_form){10, true});
}

static void weak_groups_can_be_refused(void **state)
{
	struct fixture *f = *state;
	const struct end *peer = &f->ends[0][PEER], *member = &f->ends[1][MEMBER];
	struct keying_policy strong = keying_policy_default;
	struct handshake h;

	strong.group_min = DH_GROUP_14;
	assert_int_equal(shake(&h, peer, &peer->policy, member, &strong, &f->rng), -ENOTSUP);
	assert_int_equal(shake(&h, member, &strong, peer, &peer->policy, &f->rng), -ENOTSUP);
	member = &f->ends[0][MEMBER];
	assert_int_equal(shake(&h, member, &strong, &f->ends[1][MEMBER], &strong, &f->rng), 0);
}

static void single_groups_can_be_refused(void **state)
{
	struct fixture *f = *state;
	const struct end *server = &f->ends[0][SERVER], *member = &f->ends[1][MEMBER];
	struct keying_policy p = keying_policy_default;
	struct handshake h;

	p.groups_refused = 1u << DH_GROUP_14;
	assert_int_equal(shake(&h, server, &p, member, &member->policy, &f->rng), 0);
	assert_int_equal(h.initiator.pair.group, DH_GROUP_2); // the next best that both have
	assert_int_equal(shake(&h, server, &server->policy, member, &p, &f->rng), -ENOTSUP);
	p.groups_refused |= 1u << DH_GROUP_2;
	assert_int_equal(shake(&h, server, &p, member, &member->policy, &f->rng), -ENOTSUP);
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
		cmocka_unit_test(an_old_peer_gets_the_literal_components),
		cmocka_unit_test(an_old_client_gets_the_literal_server_component),
		cmocka_unit_test(a_member_answers_an_old_initiator_literally),
		cmocka_unit_test(a_feature_is_sent_if_meant_or_asked_for),
		cmocka_unit_test(the_directions_have_lengths_of_their_own),
		cmocka_unit_test(who_needs_a_feature_refuses_those_without),
		cmocka_unit_test(weak_groups_can_be_refused),
		cmocka_unit_test(single_groups_can_be_refused),
		cmocka_unit_test(a_ready_pair_is_used_where_one_is_needed),
		cmocka_unit_test(only_well_formed_components_are_read),
		cmocka_unit_test(unfit_components_are_refused),
		cmocka_unit_test(a_weak_far_key_opens_nothing),
		cmocka_unit_test(an_initiator_holds_a_responder_to_its_certificate),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
