// What the ends of a handshake want and what they make of it (§13.9, §16.3; requirements 110, 111).
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/crypto/hex.h"
#include "tests/unit/crypto/keying_ends.h"

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

// An old client, who reads only the first option of a certificate: its SKIC as others recorded it.
static int old_skic(struct keying_component *k, uint8_t octets[76])
{
	static const char end[] = "031a020a021e02";

	hex_read(octets, 5, "021d02410e");
	memset(octets + 5, 0x5a, 64);
	hex_read(octets + 69, 7, end);
	return keying_component_read(k, span_of(octets, 76));
}

static const enum keying_want wants[] = {KEYING_OFF, KEYING_PREFER};

// §16.3: "031a0000021e00" and nothing of ours before it, whatever we would like, unless we insist.
static void an_old_client_gets_the_literal_answer(void **state)
{
	struct fixture *f = *state;
	const struct end *client = &f->ends[0][PEER];
	static const struct {
		enum form form;
		const char *before;
		size_t len;
	} answers[] = {
		{SERVER, "031a0000021e0081020d02", 128}, // 139 octets, at least 138 are wanted
		{PEER, "031a0000021e00410e", 64},        // exactly 73
		{MEMBER, "031a0000021e00410e", 64},
	};

	for (unsigned i = 0; i < 3; i++)
		for (unsigned w = 0; w < 4; w++) {
			const struct end *r = &f->ends[1][answers[i].form];
			struct keying_policy p = keying_policy_default;
			struct keying_near near = near_of(r, &p);
			struct keying_component skic;
			struct session_secrets s;
			struct keying k;
			uint8_t octets[76];

			p.hmac = wants[w & 1];
			p.sseq = wants[w >> 1];
			assert_int_equal(old_skic(&skic, octets), 0);
			assert_true(keying_is_legacy_skic(skic.whole));
			assert_int_equal(keying_respond(&k, &near, &client->certificate, &skic,
							NULL, &f->rng),
					 0);
			assert_shape(component_of(&k), answers[i].before, answers[i].len, "");
			assert_int_equal(keying_complete(&k, &client->certificate, &skic, &s), 0);
			assert_same_form(s.tx, (struct packet_form){0, false});
			assert_same_form(s.rx, (struct packet_form){0, false});
		}
}

// Its SOR is a promise as the RFC has it, so who requires a feature takes the old client at its
// word rather than refuse it.
static void an_old_client_is_asked_for_what_is_required(void **state)
{
	struct fixture *f = *state;
	const struct end *client = &f->ends[0][PEER], *r = &f->ends[1][SERVER];
	struct keying_policy p = keying_policy_default;
	struct keying_near near = near_of(r, &p);
	struct keying_component skic;
	struct session_secrets s;
	struct keying k;
	uint8_t octets[76];

	p.hmac = p.sseq = KEYING_REQUIRE;
	assert_int_equal(old_skic(&skic, octets), 0);
	assert_int_equal(keying_respond(&k, &near, &client->certificate, &skic, NULL, &f->rng), 0);
	assert_shape(component_of(&k), "031a0510021e0581020d02", 128, "");
	assert_int_equal(keying_complete(&k, &client->certificate, &skic, &s), 0);
	assert_same_form(s.tx, (struct packet_form){16, true});
	assert_same_form(s.rx, (struct packet_form){10, true});
}

// To old servers and peers: the length that they demand, whatever the flags.
static void an_skic_of_a_static_key_has_76_octets(void **state)
{
	struct fixture *f = *state;
	const struct end *i = &f->ends[0][PEER];
	static const struct {
		enum keying_want want;
		const char *end;
	} rows[] = {
		{KEYING_OFF, "031a0000021e00"},
		{KEYING_PREFER, "031a0310021e03"},
		{KEYING_REQUIRE, "031a0510021e05"},
	};

	for (unsigned row = 0; row < 3; row++)
		for (unsigned form = SERVER; form <= PEER; form++) {
			struct keying_policy p = keying_policy_default;
			struct keying_near near = near_of(i, &p);
			struct keying k;

			p.hmac = p.sseq = rows[row].want;
			assert_int_equal(keying_initiate(&k, &near, &f->ends[1][form].certificate,
							 NULL, &f->rng),
					 0);
			assert_shape(component_of(&k), "021d02410e", 64, rows[row].end);
			assert_int_equal(k.component_len, 76);
			assert_false(keying_is_legacy_skic(component_of(&k)));
		}
}

// ---- policies (§13.9, requirement 110) ----

enum outcome {
	NONE,    // a session without the feature
	BOTH,    // it is used both ways
	REFUSED, // by whoever requires it
};

static const enum outcome outcomes[3][3] = {
	/* initiator      responder OFF, PREFER,  REQUIRE */
	[KEYING_OFF] = {NONE, NONE, REFUSED},
	[KEYING_PREFER] = {NONE, BOTH, BOTH},
	[KEYING_REQUIRE] = {REFUSED, BOTH, BOTH},
};

static enum outcome worse(enum outcome a, enum outcome b)
{
	return a > b ? a : b;
}

// All 81 combinations: what is made of one feature does not depend on the other.
static void policies_meet(void **state)
{
	struct fixture *f = *state;
	const struct end *i = &f->ends[0][PEER], *r = &f->ends[1][SERVER];

	for (unsigned n = 0; n < 81; n++) {
		struct keying_policy ip = keying_policy_default, rp = keying_policy_default;
		enum outcome hmac, sseq;
		struct handshake h;
		int err;

		ip.hmac = (enum keying_want)(n % 3);
		rp.hmac = (enum keying_want)(n / 3 % 3);
		ip.sseq = (enum keying_want)(n / 9 % 3);
		rp.sseq = (enum keying_want)(n / 27);
		hmac = outcomes[ip.hmac][rp.hmac];
		sseq = outcomes[ip.sseq][rp.sseq];
		err = shake(&h, i, &ip, r, &rp, &f->rng);
		print_message("  hmac %d %d, numbers %d %d\n", ip.hmac, rp.hmac, ip.sseq, rp.sseq);
		assert_int_equal(err, worse(hmac, sseq) == REFUSED ? -EACCES : 0);
		if (err != 0)
			continue;
		assert_agreement(&h);
		assert_int_equal(h.at_initiator.tx.tag_len, hmac == BOTH ? 16 : 0);
		assert_int_equal(h.at_initiator.rx.tag_len, hmac == BOTH ? 16 : 0);
		assert_int_equal(h.at_initiator.tx.has_sseq, sseq == BOTH);
		assert_int_equal(h.at_initiator.rx.has_sseq, sseq == BOTH);
	}
}

// What others may say as initiators, and what it is answered with. The table holds for either
// feature.
static const struct answer_case {
	uint8_t said;
	enum keying_want want;
	int answered; // flags, or that it is refused
	bool we_send, they_send;
} answer_cases[] = {
	{0, KEYING_OFF, 0, false, false},
	{KEYING_SOR, KEYING_OFF, 0, false, false},
	{KEYING_SND, KEYING_OFF, 0, false, true}, // it will, and we cannot forbid it
	{KEYING_REQ, KEYING_OFF, 0, false, false},
	{0, KEYING_PREFER, 0, false, false},
	{KEYING_SOR, KEYING_PREFER, KEYING_SND | KEYING_REQ, true, true}, // no literal SKIC
	{KEYING_SND, KEYING_PREFER, KEYING_SND | KEYING_REQ, true, true},
	{KEYING_REQ, KEYING_PREFER, KEYING_SND | KEYING_REQ, true, false}, // it wants, but has none
	{KEYING_SOR | KEYING_REQ, KEYING_PREFER, KEYING_SND | KEYING_REQ, true, true},
	{0xf8, KEYING_PREFER, 0, false, false}, // unknown bits say nothing
	{0, KEYING_REQUIRE, -EACCES, false, false},
	{KEYING_REQ, KEYING_REQUIRE, -EACCES, false, false},
	{KEYING_SOR, KEYING_REQUIRE, KEYING_SND | KEYING_REQ, true, true},
	{KEYING_SND, KEYING_REQUIRE, KEYING_SND | KEYING_REQ, true, true},
};

static void answer_check(struct fixture *f, const struct answer_case *c, bool is_hmac)
{
	const struct end *i = &f->ends[0][PEER], *r = &f->ends[1][SERVER];
	struct keying_policy p = {.hmac_len = 20, .n_groups = 1, .groups = {DH_GROUP_2}};
	struct keying_near near = near_of(r, &p);
	uint8_t octets[] = {0x02, 0x1d, 0x02, 0x03, 0x1a, 0x00, 0x08, 0x02, 0x1e, 0x00};
	struct keying_component skic;
	struct session_secrets s;
	struct keying k;
	int err;

	*(is_hmac ? &p.hmac : &p.sseq) = c->want;
	octets[is_hmac ? 5 : 9] = c->said;
	assert_int_equal(keying_component_read(&skic, span_of(octets, sizeof(octets))), 0);
	err = keying_respond(&k, &near, &i->certificate, &skic, NULL, &f->rng);
	assert_int_equal(err, c->answered < 0 ? c->answered : 0);
	if (err != 0) {
		assert_int_equal(keying_lacks(&p, &skic.terms),
				 is_hmac ? KEYING_LACKS_HMAC : KEYING_LACKS_SSEQ);
		return;
	}
	assert_int_equal(is_hmac ? k.terms.hmac_flags : k.terms.sseq_flags, c->answered);
	assert_int_equal(is_hmac ? k.terms.sseq_flags : k.terms.hmac_flags, 0);
	assert_int_equal(k.terms.hmac_len, is_hmac && c->answered != 0 ? 20 : 0);
	assert_int_equal(keying_complete(&k, &i->certificate, &skic, &s), 0);
	assert_int_equal(s.tx.tag_len, is_hmac && c->we_send ? 20 : 0);
	assert_int_equal(s.rx.tag_len, is_hmac && c->they_send ? 8 : 0);
	assert_int_equal(s.tx.has_sseq, !is_hmac && c->we_send);
	assert_int_equal(s.rx.has_sseq, !is_hmac && c->they_send);
}

static void an_initiators_flags_decide_the_answer(void **state)
{
	for (size_t i = 0; i < sizeof(answer_cases) / sizeof(answer_cases[0]); i++) {
		print_message("  said %02x, wanted %d\n", answer_cases[i].said,
			      answer_cases[i].want);
		answer_check(*state, &answer_cases[i], true);
		answer_check(*state, &answer_cases[i], false);
	}
}

// The 76 octets are an old client's only to the last flag. One bit of REQ, and it is somebody who
// can be asked.
static void a_request_tells_others_from_old_clients(void **state)
{
	struct fixture *f = *state;
	const struct end *i = &f->ends[0][PEER], *r = &f->ends[1][SERVER];
	struct keying_policy p = keying_policy_default;
	struct keying_near near = near_of(r, &p);
	struct keying_component skic;
	struct keying k;
	uint8_t octets[76];

	assert_int_equal(old_skic(&skic, octets), 0);
	octets[75] |= KEYING_REQ;
	assert_int_equal(keying_component_read(&skic, span_of(octets, sizeof(octets))), 0);
	assert_int_equal(keying_respond(&k, &near, &i->certificate, &skic, NULL, &f->rng), 0);
	assert_int_equal(k.terms.sseq_flags, KEYING_SND | KEYING_REQ);
	assert_int_equal(k.terms.hmac_flags, KEYING_SND | KEYING_REQ);
}

// ---- groups ----

static struct keying_policy groups_of(unsigned n, const uint8_t *groups)
{
	struct keying_policy p = keying_policy_default;

	p.n_groups = (uint8_t)n;
	memcpy(p.groups, groups, n);
	return p;
}

static const struct group_case {
	const char *what;
	uint8_t initiator[KEYING_GROUPS_MAX], responder[KEYING_GROUPS_MAX]; // zeros: no more
	uint8_t group;                                                      // 0: refused
} group_cases[] = {
	{"the initiator's order counts", {14, 5, 2}, {2, 5, 14}, DH_GROUP_14},
	{"and no other", {5, 14, 2}, {14, 5, 2}, DH_GROUP_5},
	{"also if it is the weakest", {2, 14}, {14, 2}, DH_GROUP_2},
	{"16 if that is preferred", {16, 14}, {14, 16}, DH_GROUP_16},
	{"16 if that is all", {14, 16}, {16}, DH_GROUP_16},
	{"the next if the first is not shared", {5, 2}, {14, 2}, DH_GROUP_2},
	{"none in common", {14, 5}, {2}, 0},
};

// Both ends ephemeral; certificates list what policies accept (identity_use_groups).
static void the_initiator_chooses_by_its_order(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(group_cases) / sizeof(group_cases[0]); i++) {
		const struct group_case *c = &group_cases[i];
		const uint8_t *lists[2] = {c->initiator, c->responder};
		struct end ends[2] = {0};
		struct handshake h;
		int err;

		print_message("  %s\n", c->what);
		for (unsigned e = 0; e < 2; e++) {
			unsigned n = (unsigned)strnlen((const char *)lists[e], KEYING_GROUPS_MAX);
			struct certificate_form form = {.ephemeral = lists[e], .n_ephemeral = n};
			int len = certificate_build(ends[e].octets, sizeof(ends[e].octets), &form);

			assert_int_equal(certificate_read(&ends[e].certificate,
							  span_of(ends[e].octets, (size_t)len)),
					 0);
			ends[e].policy = groups_of(n, lists[e]);
		}
		err = shake(&h, &ends[0], &ends[0].policy, &ends[1], &ends[1].policy, &f->rng);
		assert_int_equal(err, c->group != 0 ? 0 : -ENOTSUP);
		if (err == 0)
			assert_int_equal(h.initiator.pair.group, c->group);
	}
}

// The group stands in the initiator's key, so a certificate that lists more does not help it.
static void groups_that_are_not_listed_are_refused(void **state)
{
	struct fixture *f = *state;
	const struct end *peer = &f->ends[0][PEER], *server = &f->ends[1][SERVER];
	const struct end *member = &f->ends[1][MEMBER], *other = &f->ends[0][MEMBER];
	struct keying_policy strong = groups_of(2, (const uint8_t[]){14, 16});
	struct handshake h;

	assert_int_equal(shake(&h, peer, &peer->policy, server, &strong, &f->rng), -ENOTSUP);
	assert_int_equal(shake(&h, peer, &peer->policy, member, &strong, &f->rng), -ENOTSUP);
	assert_int_equal(shake(&h, other, &strong, peer, &peer->policy, &f->rng), -ENOTSUP);
	assert_int_equal(shake(&h, other, &strong, member, &strong, &f->rng), 0);
	assert_int_equal(h.initiator.pair.group, DH_GROUP_14);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_old_client_gets_the_literal_answer),
		cmocka_unit_test(an_old_client_is_asked_for_what_is_required),
		cmocka_unit_test(an_skic_of_a_static_key_has_76_octets),
		cmocka_unit_test(policies_meet),
		cmocka_unit_test(an_initiators_flags_decide_the_answer),
		cmocka_unit_test(a_request_tells_others_from_old_clients),
		cmocka_unit_test(the_initiator_chooses_by_its_order),
		cmocka_unit_test(groups_that_are_not_listed_are_refused),
	};

	return cmocka_run_group_tests(tests, ends_setup, ends_teardown);
}
