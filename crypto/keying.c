#include <assert.h>
#include <errno.h>
#include <string.h>

#include "crypto/keying.h"
#include "dataplane/wire/option.h"

// What old peers expect, octet for octet (§16.3).
#define LEGACY_HMAC_LEN 10 // that they would send if asked
#define LEGACY_SKIC_LEN 76

static const uint8_t legacy_before[] = {0x02, KEYING_GROUP_SELECT, DH_GROUP_2,
					1 + KEYING_RANDOM_LEN, KEYING_EXTRA_RANDOMNESS};
static const uint8_t legacy_after[] = {0x03, KEYING_HMAC, KEYING_SOR, LEGACY_HMAC_LEN,
				       0x02, KEYING_SSEQ, KEYING_SOR};

const struct keying_policy keying_policy_default = {
	.hmac = KEYING_PREFER,
	.sseq = KEYING_PREFER,
	.hmac_len = 16,
	.n_groups = 3,
	.groups = {DH_GROUP_14, DH_GROUP_5, DH_GROUP_2},
};

static bool is_set(struct span s)
{
	return s.data != NULL;
}

// ---- reading a component ----

static int once(unsigned *seen, unsigned bit)
{
	if ((*seen & bit) != 0)
		return -EBADMSG;
	*seen |= bit;
	return 0;
}

// Would it ever send the feature?
static bool is_sender(uint8_t flags)
{
	return (flags & (KEYING_SND | KEYING_SOR)) != 0;
}

static void hmac_read(struct keying_component *k, struct rd *r)
{
	uint64_t len;

	k->terms.hmac_flags = rd_u8(r);
	len = rd_vlu(r);
	if (!is_sender(k->terms.hmac_flags))
		return; // it will send none; the length says nothing
	if (len < CRYPTO_TAG_MIN || len > CRYPTO_TAG_MAX)
		rd_fail(r); // a tag of no octets would verify every packet
	else
		k->terms.hmac_len = (uint8_t)len;
}

static int option_read(struct keying_component *k, unsigned *seen, uint64_t type, struct span value)
{
	struct rd r = rd_over_span(value);
	int err = 0;

	switch (type) {
	case KEYING_EPHEMERAL_KEY:
		err = once(seen, 1);
		k->ephemeral_group = rd_vlu(&r);
		k->ephemeral = rd_rest(&r);
		break;
	case KEYING_GROUP_SELECT:
		err = once(seen, 2);
		k->has_select = true;
		k->select_group = rd_vlu(&r);
		break;
	case KEYING_HMAC:
		err = once(seen, 4);
		hmac_read(k, &r);
		break;
	case KEYING_SSEQ:
		err = once(seen, 8);
		k->terms.sseq_flags = rd_u8(&r);
		break;
	default: // Extra Randomness among them: any length, it salts as it stands
		break;
	}
	return err != 0 ? err : r.err;
}

int keying_component_read(struct keying_component *k, struct span octets)
{
	struct rd r = rd_over_span(octets);
	unsigned seen = 0;
	enum opt_kind kind;
	struct span value;
	uint64_t type;
	int err = 0;

	memset(k, 0, sizeof(*k));
	k->whole = octets;
	while (err == 0 && (kind = opt_next(&r, &type, &value)) != OPT_END)
		err = kind == OPT_FOUND ? option_read(k, &seen, type, value) : 0;
	return err != 0 ? err : r.err;
}

bool keying_is_legacy_skic(struct span skic)
{
	return skic.len == LEGACY_SKIC_LEN &&
	       memcmp(skic.data, legacy_before, sizeof(legacy_before)) == 0 &&
	       memcmp(skic.data + skic.len - sizeof(legacy_after), legacy_after,
		      sizeof(legacy_after)) == 0;
}

// ---- groups ----

static const struct dh_key *near_key_of(const struct keying_near *near, uint64_t group)
{
	for (unsigned i = 0; i < near->n_keys; i++)
		if (near->keys[i].group == group)
			return &near->keys[i];
	return NULL;
}

static bool is_accepted(const struct keying_policy *p, uint64_t group)
{
	for (unsigned i = 0; i < p->n_groups; i++)
		if (p->groups[i] == group)
			return true;
	return false;
}

static bool near_can(const struct keying_near *near, uint64_t group)
{
	if (!is_accepted(near->policy, group))
		return false;
	return near->certificate->has_static ? near_key_of(near, group) != NULL
					     : certificate_has_ephemeral(near->certificate, group);
}

static bool far_can(const struct certificate *far, uint64_t group)
{
	return far->has_static ? is_set(certificate_key_of(far, group))
			       : certificate_has_ephemeral(far, group);
}

// The initiator's choice.
static int group_choose(const struct keying_near *near, const struct certificate *far)
{
	const struct keying_policy *p = near->policy;

	for (unsigned i = 0; i < p->n_groups; i++)
		if (near_can(near, p->groups[i]) && far_can(far, p->groups[i]))
			return p->groups[i];
	return -ENOTSUP;
}

/*
 * The group a far component speaks of, or -EPROTO if it has the wrong kind of key for its
 * certificate: who shows a static key has to use it. A static responder names no group (0).
 */
static int far_group(const struct certificate *far, const struct keying_component *k,
		     bool far_is_initiator)
{
	bool names_static = far_is_initiator ? k->has_select : !is_set(k->ephemeral);
	uint64_t group = k->ephemeral_group;

	if (far->has_static != names_static || far->has_static == is_set(k->ephemeral))
		return -EPROTO;
	if (far->has_static && !far_is_initiator)
		return DH_GROUP_NONE;
	if (far->has_static)
		group = k->select_group;
	return dh_group_is_known(group) ? (int)group : -ENOTSUP;
}

static int responder_group(const struct keying_near *near, const struct certificate *far,
			   const struct keying_component *skic)
{
	int group = far_group(far, skic, true);

	if (group < 0)
		return group;
	if (far->has_static && !is_set(certificate_key_of(far, (uint64_t)group)))
		return -EPROTO; // selects a key that its certificate does not have
	return near_can(near, (uint64_t)group) ? group : -ENOTSUP;
}

static int needs(const struct keying_near *near, int group)
{
	return group < 0 || !near->certificate->has_static ? group : DH_GROUP_NONE;
}

int keying_initiator_needs(const struct keying_near *near, const struct certificate *far)
{
	return needs(near, group_choose(near, far));
}

int keying_responder_needs(const struct keying_near *near, const struct certificate *far,
			   const struct keying_component *skic)
{
	return needs(near, responder_group(near, far, skic));
}

// ---- writing ours ----

static void key_part_write(struct wr *w, const struct keying *k, bool is_static,
			   const struct random *rng)
{
	uint8_t *salt;

	if (!is_static) {
		wr_vlu(w, 1 + (uint64_t)vlu_len(k->pair.group) + k->pair.public_len);
		wr_vlu(w, KEYING_EPHEMERAL_KEY);
		wr_vlu(w, k->pair.group);
		wr_bytes(w, k->pair.public_key, k->pair.public_len);
		return;
	}
	if (k->is_initiator)
		wr_option_vlu(w, KEYING_GROUP_SELECT, k->pair.group);
	wr_vlu(w, 1 + KEYING_RANDOM_LEN);
	wr_vlu(w, KEYING_EXTRA_RANDOMNESS);
	salt = wr_take(w, KEYING_RANDOM_LEN);
	if (salt != NULL)
		random_fill(rng, salt, KEYING_RANDOM_LEN);
}

static void negotiation_write(struct wr *w, const struct keying_terms *t)
{
	wr_vlu(w, 2 + (uint64_t)vlu_len(t->hmac_len));
	wr_vlu(w, KEYING_HMAC);
	wr_u8(w, t->hmac_flags);
	wr_vlu(w, t->hmac_len);
	wr_vlu(w, 2);
	wr_vlu(w, KEYING_SSEQ);
	wr_u8(w, t->sseq_flags);
}

// Old peers read the key first in an SKIC and the negotiation first in an SKRC.
static void component_write(struct keying *k, bool is_static, const struct random *rng)
{
	struct wr w = wr_over(k->component, sizeof(k->component));

	if (k->is_initiator) {
		key_part_write(&w, k, is_static, rng);
		negotiation_write(&w, &k->terms);
	} else {
		negotiation_write(&w, &k->terms);
		key_part_write(&w, k, is_static, rng);
	}
	assert(w.err == 0); // KEYING_COMPONENT_MAX has room for the longest key
	k->component_len = (uint16_t)w.len;
}

// The certificate's pair, the one that is ready, or a new one.
static int pair_take(struct keying *k, const struct keying_near *near, uint64_t group,
		     const struct dh_key *ready, const struct random *rng)
{
	const struct dh_key *pair =
		near->certificate->has_static ? near_key_of(near, group) : ready;

	if (pair == NULL)
		return dh_key_generate(&k->pair, group, rng);
	assert(pair->group == group);
	k->pair = *pair;
	return 0;
}

static struct keying_terms terms_of(const struct keying_policy *p, uint8_t hmac_flags,
				    uint8_t sseq_flags)
{
	return (struct keying_terms){
		.hmac_flags = hmac_flags,
		.sseq_flags = sseq_flags,
		.hmac_len = is_sender(hmac_flags) ? p->hmac_len : 0,
	};
}

static uint8_t initiator_flags(enum keying_want want)
{
	static const uint8_t flags[] = {
		[KEYING_OFF] = 0,
		// Not SND: nobody is sent a form that it may not know.
		[KEYING_PREFER] = KEYING_SOR | KEYING_REQ,
		[KEYING_REQUIRE] = KEYING_SND | KEYING_REQ,
	};

	return flags[want];
}

static bool is_offered(uint8_t flags)
{
	return (flags & (KEYING_SND | KEYING_SOR | KEYING_REQ)) != 0;
}

static uint8_t responder_flags(enum keying_want want, bool is_offered)
{
	if (want == KEYING_REQUIRE || (want == KEYING_PREFER && is_offered))
		return KEYING_SND | KEYING_REQ;
	return 0;
}

int keying_initiate(struct keying *k, const struct keying_near *near, const struct certificate *far,
		    const struct dh_key *ready, const struct random *rng)
{
	int group = group_choose(near, far), err;

	memset(k, 0, sizeof(*k));
	if (group < 0)
		return group;
	k->is_initiator = true;
	k->policy = *near->policy;
	k->terms = terms_of(&k->policy, initiator_flags(k->policy.hmac),
			    initiator_flags(k->policy.sseq));
	err = pair_take(k, near, (uint64_t)group, ready, rng);
	if (err == 0)
		component_write(k, near->certificate->has_static, rng);
	return err;
}

int keying_respond(struct keying *k, const struct keying_near *near, const struct certificate *far,
		   const struct keying_component *skic, const struct dh_key *ready,
		   const struct random *rng)
{
	bool is_old = keying_is_legacy_skic(skic->whole);
	int group = responder_group(near, far, skic), err;

	memset(k, 0, sizeof(*k));
	if (group < 0)
		return group;
	if (keying_lacks(near->policy, &skic->terms) != KEYING_LACKS_NOTHING)
		return -EACCES;
	k->policy = *near->policy;
	k->terms = terms_of(
		&k->policy,
		responder_flags(k->policy.hmac, !is_old && is_offered(skic->terms.hmac_flags)),
		responder_flags(k->policy.sseq, !is_old && is_offered(skic->terms.sseq_flags)));
	err = pair_take(k, near, (uint64_t)group, ready, rng);
	if (err == 0)
		component_write(k, near->certificate->has_static, rng);
	return err;
}

// ---- both components known ----

// §13.9
static bool is_sent(uint8_t sender_flags, uint8_t other_flags)
{
	return (sender_flags & KEYING_SND) != 0 ||
	       ((sender_flags & KEYING_SOR) != 0 && (other_flags & KEYING_REQ) != 0);
}

void keying_negotiate(const struct keying_terms *near, const struct keying_terms *far,
		      struct packet_form *tx, struct packet_form *rx)
{
	tx->tag_len = is_sent(near->hmac_flags, far->hmac_flags) ? near->hmac_len : 0;
	rx->tag_len = is_sent(far->hmac_flags, near->hmac_flags) ? far->hmac_len : 0;
	tx->has_sseq = is_sent(near->sseq_flags, far->sseq_flags);
	rx->has_sseq = is_sent(far->sseq_flags, near->sseq_flags);
}

enum keying_lack keying_lacks(const struct keying_policy *policy, const struct keying_terms *far)
{
	if (policy->hmac == KEYING_REQUIRE && !is_sender(far->hmac_flags))
		return KEYING_LACKS_HMAC;
	if (policy->sseq == KEYING_REQUIRE && !is_sender(far->sseq_flags))
		return KEYING_LACKS_SSEQ;
	return KEYING_LACKS_NOTHING;
}

// The inner value of §13.8: HMAC with one component as key and the other as message.
static void inner(uint8_t out[SHA256_LEN], struct span key, struct span message)
{
	hmac_sha256(key.data, key.len, message.data, message.len, out);
}

void keying_derive(struct session_secrets *out, const struct dh_secret *secret,
		   struct span near_component, struct span far_component)
{
	struct hmac_keys keys;
	uint8_t mixed[SHA256_LEN];

	hmac_keys_expand(&keys, secret->octets, secret->len);
	inner(mixed, far_component, near_component);
	hmac_sha256_with(&keys, mixed, SHA256_LEN, out->encrypt_key);
	inner(mixed, near_component, far_component);
	hmac_sha256_with(&keys, mixed, SHA256_LEN, out->decrypt_key);
	hmac_sha256_with(&keys, out->encrypt_key, SHA256_LEN, out->hmac_send_key);
	hmac_sha256_with(&keys, out->decrypt_key, SHA256_LEN, out->hmac_recv_key);
	hmac_sha256_with(&keys, near_component.data, near_component.len, out->near_nonce);
	hmac_sha256_with(&keys, far_component.data, far_component.len, out->far_nonce);
	octets_wipe(&keys, sizeof(keys));
}

int keying_complete(const struct keying *k, const struct certificate *far,
		    const struct keying_component *far_component, struct session_secrets *out)
{
	int group = far_group(far, far_component, !k->is_initiator), err;
	struct dh_secret secret;
	struct span far_key;

	memset(out, 0, sizeof(*out));
	if (group < 0)
		return group;
	if (group != DH_GROUP_NONE && group != k->pair.group)
		return -EPROTO;
	if (keying_lacks(&k->policy, &far_component->terms) != KEYING_LACKS_NOTHING)
		return -EACCES;
	far_key =
		far->has_static ? certificate_key_of(far, k->pair.group) : far_component->ephemeral;
	err = dh_secret_compute(&k->pair, far_key.data, far_key.len, &secret);
	if (err == 0) {
		keying_derive(out, &secret, span_of(k->component, k->component_len),
			      far_component->whole);
		keying_negotiate(&k->terms, &far_component->terms, &out->tx, &out->rx);
	}
	dh_secret_wipe(&secret);
	return err;
}

void keying_wipe(struct keying *k)
{
	octets_wipe(k, sizeof(*k));
}

void session_secrets_wipe(struct session_secrets *s)
{
	octets_wipe(s, sizeof(*s));
}
