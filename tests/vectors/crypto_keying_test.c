// Handshakes that others made: from their exponents, certificates and keying components we derive
// every key they recorded, in both roles.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "crypto/keying.h"
#include "tests/support/json.h"

// One end of a recorded handshake.
struct end {
	struct span exponent, public_key, component;
	struct certificate certificate;
};

// The six values of a handshake as the initiator calls them.
struct recorded {
	struct span encrypt_key, decrypt_key, hmac_send_key, hmac_recv_key, near_nonce, far_nonce;
	struct packet_form i2r, r2i;
};

static void assert_octets(const uint8_t *got, struct span want)
{
	assert_int_equal(want.len, SHA256_LEN);
	assert_memory_equal(got, want.data, SHA256_LEN);
}

static void assert_form(struct packet_form got, struct packet_form want)
{
	assert_int_equal(got.tag_len, want.tag_len);
	assert_int_equal(got.has_sseq, want.has_sseq);
}

static struct packet_form form_of(struct json *direction)
{
	struct packet_form form = {0, json_bool(direction, "sseq")};

	if (json_bool(direction, "hmac"))
		form.tag_len = (uint8_t)json_u64(direction, "hmacLength");
	return form;
}

// What a near end would hold after it sent that component.
static struct keying keying_of(bool is_initiator, uint64_t group, const struct end *near)
{
	struct keying k = {.is_initiator = is_initiator};
	struct keying_component said;

	assert_int_equal(
		dh_key_from_exponent(&k.pair, group, near->exponent.data, near->exponent.len), 0);
	assert_int_equal(k.pair.public_len, near->public_key.len);
	assert_memory_equal(k.pair.public_key, near->public_key.data, near->public_key.len);
	assert_true(near->component.len <= sizeof(k.component));
	memcpy(k.component, near->component.data, near->component.len);
	k.component_len = (uint16_t)near->component.len;
	assert_int_equal(keying_component_read(&said, near->component), 0);
	k.terms = said.terms;
	return k;
}

static struct session_secrets complete(bool is_initiator, uint64_t group, const struct end *near,
				       const struct end *far)
{
	struct keying k = keying_of(is_initiator, group, near);
	struct keying_component said;
	struct session_secrets s;

	assert_int_equal(keying_component_read(&said, far->component), 0);
	assert_int_equal(keying_complete(&k, &far->certificate, &said, &s), 0);
	return s;
}

static void both_roles_derive(uint64_t group, const struct end *initiator,
			      const struct end *responder, const struct recorded *r)
{
	struct session_secrets s = complete(true, group, initiator, responder);

	assert_octets(s.encrypt_key, r->encrypt_key);
	assert_octets(s.decrypt_key, r->decrypt_key);
	assert_octets(s.hmac_send_key, r->hmac_send_key);
	assert_octets(s.hmac_recv_key, r->hmac_recv_key);
	assert_octets(s.near_nonce, r->near_nonce);
	assert_octets(s.far_nonce, r->far_nonce);
	assert_form(s.tx, r->i2r);
	assert_form(s.rx, r->r2i);

	s = complete(false, group, responder, initiator);
	assert_octets(s.encrypt_key, r->decrypt_key);
	assert_octets(s.decrypt_key, r->encrypt_key);
	assert_octets(s.hmac_send_key, r->hmac_recv_key);
	assert_octets(s.hmac_recv_key, r->hmac_send_key);
	assert_octets(s.near_nonce, r->far_nonce);
	assert_octets(s.far_nonce, r->near_nonce);
	assert_form(s.tx, r->r2i);
	assert_form(s.rx, r->i2r);
}

static void secret_is(uint64_t group, const struct end *near, const struct end *far,
		      struct span want)
{
	struct dh_key key;
	struct dh_secret secret;

	assert_int_equal(dh_key_from_exponent(&key, group, near->exponent.data, near->exponent.len),
			 0);
	assert_int_equal(
		dh_secret_compute(&key, far->public_key.data, far->public_key.len, &secret), 0);
	assert_int_equal(secret.len, want.len);
	assert_memory_equal(secret.octets, want.data, want.len);
}

// ---- primitives.json: every combination of keys ----

static struct span hex(struct json_doc *doc, struct json *row, const char *prefix, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "%s%s", prefix, name);
	return json_hex(doc, row, path);
}

static struct end end_of(struct json_doc *doc, struct json *row, const char *role,
			 const char *component)
{
	struct end e = {
		.exponent = hex(doc, row, role, "_private"),
		.public_key = hex(doc, row, role, "_public"),
		.component = json_hex(doc, row, component),
	};
	struct span fingerprint = hex(doc, row, role, "_fingerprint");

	assert_int_equal(certificate_read(&e.certificate, hex(doc, row, role, "_certificate")), 0);
	assert_octets(e.certificate.fingerprint, fingerprint);
	return e;
}

// The recorded packet under the recorded keys: seal the plain packet, compare, open it again.
static void packet_is_sealed_alike(struct json_doc *doc, struct json *packet,
				   const struct session_secrets *s)
{
	struct span plain = json_hex(doc, packet, "plain");
	struct span encrypted = json_hex(doc, packet, "encrypted");
	struct crypto *c = crypto_create(CRYPTO_AUTO);
	struct seal_keys seal;
	struct hmac_keys hmac;
	uint8_t buf[96];
	size_t front_len = packet_form_front_write(s->tx, buf, 0);
	struct crypto_op op = {.sched = &seal, .dst = buf, .tag_len = s->tx.tag_len};

	crypto_expand(c, s->encrypt_key, &seal, NULL);
	crypto_hmac_expand(c, s->hmac_send_key, &hmac);
	op.hmac = op.tag_len > 0 ? &hmac : NULL;
	memcpy(buf + front_len, plain.data, plain.len);
	op.len = (uint16_t)packet_form_finish(s->tx, buf, front_len, front_len + plain.len);
	crypto_seal(c, &op, 1);
	assert_int_equal(op.len + op.tag_len, encrypted.len);
	assert_memory_equal(buf, encrypted.data, encrypted.len);
	crypto_destroy(c);
}

static void key_agreement(void **state)
{
	struct json_doc *doc = json_load("rtmfp/primitives.json");
	struct json *rows = json_at(json_root(doc), "key_agreement"), *row;

	assert_int_equal(json_len(rows), 18);
	json_each(row, rows)
	{
		uint64_t group = json_u64(row, "group");
		struct end i = end_of(doc, row, "initiator", "skic");
		struct end r = end_of(doc, row, "responder", "skrc");
		struct json *at = json_at(row, "at_initiator");
		struct recorded want = {
			json_hex(doc, at, "encrypt_key"),   json_hex(doc, at, "decrypt_key"),
			json_hex(doc, at, "hmac_send_key"), json_hex(doc, at, "hmac_recv_key"),
			json_hex(doc, at, "near_nonce"),    json_hex(doc, at, "far_nonce"),
			form_of(json_at(row, "i2r")),       form_of(json_at(row, "r2i")),
		};
		struct session_secrets s;

		secret_is(group, &i, &r, json_hex(doc, row, "dh_secret"));
		secret_is(group, &r, &i, json_hex(doc, row, "dh_secret"));
		both_roles_derive(group, &i, &r, &want);
		s = complete(true, group, &i, &r);
		packet_is_sealed_alike(doc, json_at(row, "example_i2r_close_packet"), &s);
		if (!json_has(row, "example_r2i_closeack_packet"))
			continue;
		s = complete(false, group, &r, &i);
		packet_is_sealed_alike(doc, json_at(row, "example_r2i_closeack_packet"), &s);
	}
	json_free(doc);
}

// ---- recorded sessions ----

// The endpoint of the scenario that made this public key: whose certificate has it, else one that
// uses ephemeral keys of the group.
static struct certificate endpoint_with(struct json_doc *doc, uint64_t group, struct span public_key)
{
	struct certificate c, ephemeral = {0};
	struct json *row;

	json_each(row, json_at(json_root(doc), "endpoints"))
	{
		if (!json_has(row, "certificate")) // a redirector
			continue;
		assert_int_equal(certificate_read(&c, json_hex(doc, row, "certificate")), 0);
		assert_octets(c.fingerprint, json_hex(doc, row, "fingerprint"));
		if (span_equal(certificate_key_of(&c, group), public_key))
			return c;
		if (certificate_has_ephemeral(&c, group))
			ephemeral = c;
	}
	assert_true(ephemeral.has_ephemeral);
	return ephemeral;
}

static void scenario_derives(const char *name)
{
	struct json_doc *doc = json_load(name);
	struct json *sessions = json_at(json_root(doc), "sessions"), *row;

	assert_true(json_len(sessions) > 0);
	json_each(row, sessions)
	{
		uint64_t group = json_u64(row, "group");
		struct end ends[2];
		struct recorded want = {
			hex(doc, row, "initiator", "_ENCRYPT_KEY"),
			hex(doc, row, "initiator", "_DECRYPT_KEY"),
			hex(doc, row, "initiator", "_HMAC_SEND_KEY"),
			hex(doc, row, "initiator", "_HMAC_RECV_KEY"),
			hex(doc, row, "initiator", "_NEAR_NONCE"),
			hex(doc, row, "initiator", "_FAR_NONCE"),
			form_of(json_at(row, "i2r")),
			form_of(json_at(row, "r2i")),
		};

		for (unsigned e = 0; e < 2; e++) {
			const char *role = e == 0 ? "initiator" : "responder";

			ends[e].exponent = hex(doc, row, role, "_private");
			ends[e].public_key = hex(doc, row, role, "_public");
			ends[e].component = json_hex(doc, row, e == 0 ? "skic" : "skrc");
			ends[e].certificate = endpoint_with(doc, group, ends[e].public_key);
		}
		both_roles_derive(group, &ends[0], &ends[1], &want);
	}
	json_free(doc);
}

static void every_recorded_session_is_derived(void **state)
{
	static const char *const names[] = {
		"abandon_fsn",
		"abrupt_close",
		"address_mobility",
		"basic_checksum",
		"both_ephemeral",
		"both_static",
		"cookie_change",
		"flow_reject",
		"glare",
		"group16",
		"group2",
		"hmac_only",
		"hmac_sseq_loss",
		"keepalive_idle",
		"live_loopback",
		"p2p_implied_redirect",
		"p2p_introduction",
		"redirect",
		"sseq_only",
		"tc_netconnection",
		"time_critical",
		"window_probe",
	};
	char path[64];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "rtmfp/%s.json", names[i]);
		scenario_derives(path);
	}
}

// Sessions between old peers: the secret and both components are known, the exponents are not.
static void old_peers_derive(const char *name)
{
	struct json_doc *doc = json_load(name);
	struct json *sessions = json_at(json_root(doc), "sessions"), *row;

	assert_true(json_len(sessions) > 0);
	json_each(row, sessions)
	{
		struct span shared = json_hex(doc, row, "sharedSecret");
		struct span skic = json_hex(doc, row, "initiatorNonce");
		struct span skrc = json_hex(doc, row, "responderNonce");
		struct dh_secret secret = {.len = (uint16_t)shared.len};
		struct session_secrets s;

		assert_true(shared.len > 0 && shared.len <= sizeof(secret.octets));
		memcpy(secret.octets, shared.data, shared.len);
		keying_derive(&s, &secret, skic, skrc);
		assert_octets(s.encrypt_key, json_hex(doc, row, "requestKey"));
		assert_octets(s.decrypt_key, json_hex(doc, row, "responseKey"));
		assert_true(keying_is_legacy_skic(skic));
	}
	json_free(doc);
}

static void sessions_of_old_peers_are_derived(void **state)
{
	static const char *const names[] = {
		"two-node.pub.messages",        "two-node.play1.messages",
		"five-node.pub.control",        "five-node.play1.control",
		"five-node.play2.control",      "five-node.play3.control",
		"five-node.play4.control",      "end-of-stream.pub.messages",
		"end-of-stream.play1.messages",
	};
	char path[64];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "groups/%s.json", names[i]);
		old_peers_derive(path);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(key_agreement),
		cmocka_unit_test(every_recorded_session_is_derived),
		cmocka_unit_test(sessions_of_old_peers_are_derived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
