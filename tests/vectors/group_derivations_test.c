// Groupspecs, group addresses, member proofs and member counts, against what others computed or
// sent.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "control/group/groupspec.h"
#include "control/group/member_proof.h"
#include "control/group/ring_set.h"
#include "crypto/sha.h"
#include "tests/support/json.h"

static void assert_near(double got, double want, double by)
{
	assert_true(fabs(got - want) <= by);
}

#define MEMBERS_MAX 16

static void assert_hex(struct json_doc *doc, struct json *row, const char *path, const uint8_t *got,
		       size_t len)
{
	struct span want = json_hex(doc, row, path);

	assert_int_equal(want.len, len);
	assert_memory_equal(want.data, got, len);
}

static bool has_option(struct json *list, uint64_t type)
{
	struct json *option;

	json_each(option, list) if (json_u64(option, "type") == type) return true;
	return false;
}

static void assert_flags(const struct groupspec *g, struct json *canonical)
{
	assert_int_equal(g->routing, has_option(canonical, 0x00));
	assert_int_equal(g->multicast, has_option(canonical, 0x01));
	assert_int_equal(g->replication, has_option(canonical, 0x02));
	assert_int_equal(g->posting, has_option(canonical, 0x03));
	assert_int_equal(g->publish_password.is_set, has_option(canonical, 0x05));
	assert_int_equal(g->posting_password.is_set, has_option(canonical, 0x07));
	assert_int_equal(g->server_channel, has_option(canonical, 0x0c));
	assert_int_equal(g->peer_to_peer_disabled, has_option(canonical, 0x0d));
	assert_int_equal(g->ip_multicast_updates, has_option(canonical, 0x1b));
}

static void groupspecs_have_the_recorded_ids(void **state)
{
	struct json_doc *doc = json_load("groups/groupspec.json");
	struct json *row;
	size_t n = 0;

	json_each(row, json_at(json_root(doc), "vectors"))
	{
		struct groupspec g;
		const char *why = "", *canonical = json_text(row, "canonicalText");
		uint32_t at = 0;

		if (groupspec_parse(&g, json_text(row, "groupspec"), &why, &at) != 0)
			fail_msg("%s: %s at %u", json_text(row, "groupspec"), why, at);
		assert_int_equal(g.version, json_u64(row, "version"));
		assert_int_equal(g.canonical_len, strlen(canonical));
		assert_memory_equal(g.text, canonical, g.canonical_len);
		assert_hex(doc, row, "groupId", g.id, sizeof(g.id));
		assert_flags(&g, json_at(row, "canonical"));
		if (json_len(json_at(row, "extrasAndAuthorizations")) > 1)
			assert_true(groupspec_may_publish(&g) && groupspec_may_post(&g));
		n++;
	}
	assert_true(n >= 6);
	json_free(doc);
}

static void group_addresses_are_the_recorded_ones(void **state)
{
	struct json_doc *doc = json_load("groups/derivations.json");
	struct json *row;
	size_t n = 0;

	json_each(row, json_at(json_root(doc), "groupAddresses"))
	{
		uint8_t address[32];

		group_address_of(json_hex(doc, row, "peerId").data, address);
		assert_hex(doc, row, "groupAddress", address, 32);
		n++;
	}
	assert_true(n >= 5);
	json_free(doc);
}

static void member_proofs_are_the_recorded_ones(void **state)
{
	struct json_doc *doc = json_load("groups/derivations.json");
	struct json *row;
	size_t n = 0;

	json_each(row, json_at(json_root(doc), "memberProofs"))
	{
		struct span secret = json_hex(doc, row, "sharedSecret");
		struct span component = json_hex(doc, row, "receiverNonce");
		uint8_t nonce[32], proof[32];
		struct groupspec g;
		const char *why;
		uint32_t at;

		assert_int_equal(groupspec_parse(&g, json_text(row, "groupKeyText"), &why, &at), 0);
		hmac_sha256(secret.data, secret.len, component.data, component.len, nonce);
		assert_hex(doc, row, "inner", nonce, sizeof(nonce));
		member_proof(&g, nonce, proof);
		assert_hex(doc, row, "proof", proof, sizeof(proof));
		assert_true(member_proof_is_right(&g, nonce, proof));
		n++;
	}
	assert_int_equal(n, 2);
	json_free(doc);
}

static void member_counts_are_the_recorded_ones_and_one(void **state)
{
	struct json_doc *doc = json_load("groups/derivations.json");
	struct json *row;
	size_t n = 0;

	json_each(row, json_at(json_root(doc), "memberCountEstimates"))
	{
		struct ring_node nodes[MEMBERS_MAX];
		struct ring_set set = {0};
		struct json *others = json_at(row, "knownOthers");

		for (size_t i = 0; i < json_len(others); i++) {
			nodes[i].at = u256_of(json_hex(doc, json_item(others, i), "").data);
			assert_int_equal(ring_set_insert(&set, &nodes[i]), 0);
		}
		assert_near(ring_set_estimate(&set, u256_of(json_hex(doc, row, "self").data)),
			    json_double(row, "spanEstimate") + 1, 1e-12);
		ring_set_clear(&set);
		n++;
	}
	assert_true(n >= 5);
	json_free(doc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(groupspecs_have_the_recorded_ids),
		cmocka_unit_test(group_addresses_are_the_recorded_ones),
		cmocka_unit_test(member_proofs_are_the_recorded_ones),
		cmocka_unit_test(member_counts_are_the_recorded_ones_and_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
