#include <errno.h>
#include <string.h>

#include "crypto/certificate.h"
#include "dataplane/wire/option.h"

// ---- reading ----

static bool is_set(struct span s)
{
	return s.data != NULL;
}

// groupID:VLU publicKey. A group we do not know still says that the certificate has static keys.
static int static_key_read(struct certificate *c, struct span value)
{
	struct rd r = rd_over_span(value);
	uint64_t group = rd_vlu(&r);
	struct certificate_key *key = &c->keys[c->n_keys];

	if (r.err != 0)
		return r.err;
	c->has_static = true;
	if (!dh_group_is_known(group))
		return 0;
	if (is_set(certificate_key_of(c, group)))
		return -EBADMSG;
	key->group = (uint8_t)group;
	key->public_key = rd_rest(&r);
	c->n_keys++; // at most one per known group, so there is room
	return 0;
}

static int ephemeral_read(struct certificate *c, struct span value)
{
	struct rd r = rd_over_span(value);
	uint64_t group = rd_vlu(&r);

	if (r.err != 0)
		return r.err;
	c->has_ephemeral = true;
	if (dh_group_is_known(group) && !certificate_has_ephemeral(c, group))
		c->ephemeral[c->n_ephemeral++] = (uint8_t)group;
	return 0;
}

static int option_read(struct certificate *c, uint64_t type, struct span value)
{
	switch (type) {
	case CERTIFICATE_HOSTNAME:
		if (is_set(c->hostname))
			return -EBADMSG;
		c->hostname = value;
		return 0;
	case CERTIFICATE_ACCEPTS_ANCILLARY:
		c->accepts_ancillary = true;
		return 0;
	case CERTIFICATE_EPHEMERAL_GROUP:
		return ephemeral_read(c, value);
	case CERTIFICATE_STATIC_KEY:
		return static_key_read(c, value);
	default: // Extra Randomness among them: it only makes the fingerprint another one
		return 0;
	}
}

int certificate_read(struct certificate *c, struct span octets)
{
	struct rd r = rd_over_span(octets);
	bool is_canonical = true;
	enum opt_kind kind;
	struct span value;
	uint64_t type;
	int err = 0;

	memset(c, 0, sizeof(*c));
	if (octets.len > CERTIFICATE_LEN_MAX)
		return -EBADMSG;
	c->whole = c->canonical = octets;
	for (const uint8_t *at = r.at; (kind = opt_next(&r, &type, &value)) != OPT_END; at = r.at) {
		if (kind == OPT_MARKER && is_canonical) {
			c->canonical = span_of(octets.data, (size_t)(at - octets.data));
			is_canonical = false;
		}
		if (kind == OPT_FOUND && is_canonical && err == 0)
			err = option_read(c, type, value);
	}
	if (r.err != 0 || err != 0 || c->has_static == c->has_ephemeral)
		return -EBADMSG;
	sha256(c->canonical.data, c->canonical.len, c->fingerprint);
	return 0;
}

struct span certificate_key_of(const struct certificate *c, uint64_t group)
{
	for (unsigned i = 0; i < c->n_keys; i++)
		if (c->keys[i].group == group)
			return c->keys[i].public_key;
	return span_of(NULL, 0);
}

bool certificate_has_ephemeral(const struct certificate *c, uint64_t group)
{
	return memchr(c->ephemeral, (int)group, c->n_ephemeral) != NULL && group <= UINT8_MAX;
}

// ---- the old forms ----

/*
 * 01 0a, 41 0e <64 random>, 02 15 02, 02 15 05, 02 15 0e: what a server must show to old clients,
 * compared by them octet for octet.
 */
static const uint8_t server_before[] = {0x01, CERTIFICATE_ACCEPTS_ANCILLARY, 0x41,
					CERTIFICATE_EXTRA_RANDOMNESS};
static const uint8_t server_after[] = {0x02, CERTIFICATE_EPHEMERAL_GROUP, DH_GROUP_2,
				       0x02, CERTIFICATE_EPHEMERAL_GROUP, DH_GROUP_5,
				       0x02, CERTIFICATE_EPHEMERAL_GROUP, DH_GROUP_14};

static bool is_legacy_server(struct span s)
{
	return s.len == CERTIFICATE_SERVER_LEN &&
	       memcmp(s.data, server_before, sizeof(server_before)) == 0 &&
	       memcmp(s.data + s.len - sizeof(server_after), server_after, sizeof(server_after)) ==
		       0;
}

// A single option of a short type octet: its length as encoded, the type, the group, the key.
static bool is_legacy_peer(const struct certificate *c)
{
	struct rd r = rd_over_span(c->whole);
	uint64_t option_len = rd_vlu(&r);

	return c->n_keys == 1 && c->keys[0].group == DH_GROUP_2 && option_len == r.left;
}

bool certificate_is_legacy_form(const struct certificate *c)
{
	return is_legacy_server(c->whole) || is_legacy_peer(c);
}

bool certificate_is_legacy_set(const uint8_t *groups, unsigned n_groups)
{
	return n_groups == 3 && memchr(groups, DH_GROUP_2, n_groups) != NULL &&
	       memchr(groups, DH_GROUP_5, n_groups) != NULL &&
	       memchr(groups, DH_GROUP_14, n_groups) != NULL;
}

// ---- building ----

static int built(const struct wr *w)
{
	return w->err != 0 ? w->err : (int)w->len;
}

static void static_key_write(struct wr *w, const struct dh_key *key)
{
	wr_vlu(w, 1 + (uint64_t)vlu_len(key->group) + key->public_len);
	wr_vlu(w, CERTIFICATE_STATIC_KEY);
	wr_vlu(w, key->group);
	wr_bytes(w, key->public_key, key->public_len);
}

int certificate_build(uint8_t *out, size_t cap, const struct certificate_form *form)
{
	struct wr w = wr_over(out, cap);

	if (is_set(form->hostname))
		wr_option(&w, CERTIFICATE_HOSTNAME, form->hostname);
	if (form->accepts_ancillary)
		wr_option_flag(&w, CERTIFICATE_ACCEPTS_ANCILLARY);
	for (unsigned i = 0; i < form->n_keys; i++)
		static_key_write(&w, &form->keys[i]);
	if (is_set(form->extra_randomness))
		wr_option(&w, CERTIFICATE_EXTRA_RANDOMNESS, form->extra_randomness);
	for (unsigned i = 0; i < form->n_ephemeral; i++)
		wr_option_vlu(&w, CERTIFICATE_EPHEMERAL_GROUP, form->ephemeral[i]);
	return built(&w);
}

int certificate_build_server(uint8_t *out, size_t cap, const uint8_t random[CERTIFICATE_RANDOM_LEN])
{
	struct wr w = wr_over(out, cap);

	wr_bytes(&w, server_before, sizeof(server_before));
	wr_bytes(&w, random, CERTIFICATE_RANDOM_LEN);
	wr_bytes(&w, server_after, sizeof(server_after));
	return built(&w);
}

int certificate_build_static(uint8_t *out, size_t cap, const struct dh_key *keys, unsigned n_keys)
{
	struct certificate_form form = {.keys = keys, .n_keys = n_keys};

	return certificate_build(out, cap, &form);
}

// ---- two certificates ----

static int octets_compare(struct span a, struct span b)
{
	size_t len = a.len < b.len ? a.len : b.len;
	int order = len > 0 ? memcmp(a.data, b.data, len) : 0;

	if (order != 0)
		return order;
	return a.len == b.len ? 0 : a.len < b.len ? -1 : 1;
}

bool certificate_near_prevails(struct span near, struct span far)
{
	return octets_compare(near, far) <= 0;
}

bool certificate_overrides(struct span newcomer, struct span held)
{
	return span_equal(newcomer, held);
}
