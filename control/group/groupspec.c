#include "control/group/groupspec.h"

#include <errno.h>
#include <string.h>

#include "control/group/groupspec_option.h"
#include "crypto/sha.h"
#include "dataplane/wire/option.h"

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static int bad(const char **why, uint32_t *at, const char *what, uint32_t where)
{
	*why = what;
	*at = where;
	return -EBADMSG;
}

int groupspec_octets_read(struct groupspec_octets *o, const char *text, const char **why,
			  uint32_t *at)
{
	size_t len = strnlen(text, GROUPSPEC_TEXT_MAX + 1), i;

	o->len = 0;
	if (len > GROUPSPEC_TEXT_MAX)
		return bad(why, at, "longer than 4096 characters", GROUPSPEC_TEXT_MAX);
	if (strncmp(text, GROUPSPEC_PREFIX, GROUPSPEC_PREFIX_LEN) != 0)
		return bad(why, at, "does not begin with G:", 0);
	for (i = GROUPSPEC_PREFIX_LEN; i < len; i++)
		if (hex_digit(text[i]) < 0)
			return bad(why, at, "not a hex digit", (uint32_t)i);
	if (len % 2 != 0)
		return bad(why, at, "odd number of hex digits", (uint32_t)len);
	for (i = GROUPSPEC_PREFIX_LEN; i < len; i += 2)
		o->octets[o->len++] = (uint8_t)(hex_digit(text[i]) << 4 | hex_digit(text[i + 1]));
	if (o->len == 0)
		return bad(why, at, "nothing after G:", GROUPSPEC_PREFIX_LEN);
	return 0;
}

static const char *take_hash(struct groupspec_hash *h, struct span value)
{
	if (value.len < sizeof(h->hash))
		return "password hash shorter than 32 octets";
	if (value.len > sizeof(h->hash) + sizeof(h->salt))
		return "password salt longer than 64 octets";
	h->is_set = true;
	h->salt_len = (uint8_t)(value.len - sizeof(h->hash));
	memcpy(h->salt, value.data, h->salt_len);
	memcpy(h->hash, value.data + h->salt_len, sizeof(h->hash));
	return NULL;
}

// The first tag is the name, a second one of 32 octets makes the group unique.
static const char *take_tag(struct groupspec *g, struct span value)
{
	size_t len = value.len < sizeof(g->name) ? value.len : sizeof(g->name) - 1;

	if (value.len == 0)
		return "empty name";
	if (g->name[0] == '\0') {
		memcpy(g->name, value.data, len);
	} else if (value.len == sizeof(g->unique)) {
		g->has_unique = true;
		memcpy(g->unique, value.data, sizeof(g->unique));
	}
	return NULL;
}

static const char *take_version(struct groupspec *g, struct span value)
{
	struct rd r = rd_over_span(value);

	g->version = rd_vlu(&r);
	return r.err != 0 ? "version is no number" : NULL;
}

// Unknown options are skipped (GS-16). Returns what is wrong, or NULL.
static const char *take_canonical(struct groupspec *g, uint64_t type, struct span value)
{
	switch (type) {
	case SPEC_ROUTING:
		g->routing = true;
		return NULL;
	case SPEC_MULTICAST:
		g->multicast = true;
		return NULL;
	case SPEC_REPLICATION:
		g->replication = true;
		return NULL;
	case SPEC_POSTING:
		g->posting = true;
		return NULL;
	case SPEC_SERVER_CHANNEL:
		g->server_channel = true;
		return NULL;
	case SPEC_NO_PEER_TO_PEER:
		g->peer_to_peer_disabled = true;
		return NULL;
	case SPEC_IP_MULTICAST_UPDATES:
		g->ip_multicast_updates = true;
		return NULL;
	case SPEC_PUBLISH_HASH:
		return take_hash(&g->publish_password, value);
	case SPEC_POSTING_HASH:
		return take_hash(&g->posting_password, value);
	case SPEC_TAG:
		return take_tag(g, value);
	case SPEC_VERSION:
		return take_version(g, value);
	default:
		return NULL;
	}
}

static const char *take_password(char password[256], struct span value)
{
	if (value.len > 255)
		return "password longer than 255 octets";
	memcpy(password, value.data, value.len);
	password[value.len] = '\0';
	return NULL;
}

static const char *take_bootstrap(struct groupspec *g, struct span value)
{
	if (value.len != PEER_ID_LEN)
		return "bootstrap peer ID is not 32 octets long";
	if (g->n_bootstrap < GROUPSPEC_BOOTSTRAP_MAX)
		memcpy(g->bootstrap[g->n_bootstrap++], value.data, PEER_ID_LEN);
	return NULL;
}

static void rd_ip(struct rd *r, struct wire_addr *a, uint8_t family)
{
	a->family = family;
	rd_copy(r, a->ip, family == 6 ? 16 : 4);
}

// 4 octets of address and 2 of port, or 16 and 2; and as many of a source, if there is one. Other
// forms, more of them than we keep, and those where nobody can meet, are as if they were not there:
// the group is the same without (GS-15, GS-16).
static void take_place(struct groupspec *g, struct span value)
{
	bool is_v6 = value.len == 18 || value.len == 34;
	bool has_source = value.len == 10 || value.len == 34;
	struct groupspec_place place = {0};
	struct rd r = rd_over_span(value);

	if (!is_v6 && value.len != 6 && value.len != 10)
		return;
	rd_ip(&r, &place.addr, is_v6 ? 6 : 4);
	place.addr.port = rd_u16(&r);
	if (has_source)
		rd_ip(&r, &place.source, place.addr.family);
	if (groupspec_place_refused(&place) == NULL && g->n_ip_multicast < GROUPSPEC_PLACES_MAX)
		g->ip_multicast[g->n_ip_multicast++] = place;
}

static const char *take_extra(struct groupspec *g, uint64_t type, struct span value)
{
	switch (type) {
	case SPEC_IP_MULTICAST:
		take_place(g, value);
		return NULL;
	case SPEC_BOOTSTRAP:
		return take_bootstrap(g, value);
	case SPEC_PUBLISH_PASSWORD:
		return take_password(g->publish_authorization, value);
	case SPEC_POSTING_PASSWORD:
		return take_password(g->posting_authorization, value);
	default:
		return NULL;
	}
}

static int take_options(struct groupspec *g, const struct groupspec_octets *o, const char **why,
			uint32_t *at)
{
	struct rd r = rd_over(o->octets, o->len);
	bool is_canonical = true;
	enum opt_kind kind;
	uint64_t type;
	struct span value;
	uint32_t begin = GROUPSPEC_PREFIX_LEN;
	const char *wrong;

	g->canonical_len = GROUPSPEC_PREFIX_LEN + 2 * o->len;
	while ((kind = opt_next(&r, &type, &value)) != OPT_END) {
		wrong = NULL;
		if (kind == OPT_MARKER && is_canonical) {
			g->canonical_len = begin;
			is_canonical = false;
		} else if (kind == OPT_FOUND) {
			wrong = is_canonical ? take_canonical(g, type, value)
					     : take_extra(g, type, value);
		}
		if (wrong != NULL)
			return bad(why, at, wrong, begin);
		begin = GROUPSPEC_PREFIX_LEN + 2 * (o->len - (uint32_t)rd_left(&r));
	}
	return r.err != 0 ? bad(why, at, "an option is longer than what is left", begin) : 0;
}

int groupspec_parse(struct groupspec *g, const char *text, const char **why, uint32_t *at)
{
	struct groupspec_octets o;
	uint8_t hash[SHA256_LEN];
	int err;

	memset(g, 0, sizeof(*g));
	g->version = 1;
	err = groupspec_octets_read(&o, text, why, at);
	if (err == 0)
		err = take_options(g, &o, why, at);
	if (err != 0)
		return err;
	memcpy(g->text, text, GROUPSPEC_PREFIX_LEN + 2 * (size_t)o.len);
	if (g->canonical_len == GROUPSPEC_PREFIX_LEN)
		return bad(why, at, "no options before the end of the canonical part",
			   g->canonical_len);
	// groups.md 2.2: in version 2 the ID does not give the key of the member proof away.
	sha256(g->text, g->canonical_len, hash);
	if (g->version >= 2)
		sha256(hash, sizeof(hash), g->id);
	else
		memcpy(g->id, hash, sizeof(hash));
	return 0;
}

bool groupspec_password_is_right(const struct groupspec_hash *h, const void *password, uint32_t len)
{
	uint8_t salted[sizeof(h->salt) + 256], hash[SHA256_LEN];

	if (!h->is_set)
		return true;
	if (len > sizeof(salted) - sizeof(h->salt))
		return false;
	memcpy(salted, h->salt, h->salt_len);
	memcpy(salted + h->salt_len, password, len);
	sha256(salted, h->salt_len + len, hash);
	return octets_equal(hash, h->hash, sizeof(hash));
}

static bool is_authorized(const struct groupspec_hash *h, const char *password)
{
	return groupspec_password_is_right(h, password, (uint32_t)strlen(password));
}

bool groupspec_may_publish(const struct groupspec *g)
{
	return is_authorized(&g->publish_password, g->publish_authorization);
}

bool groupspec_may_post(const struct groupspec *g)
{
	return is_authorized(&g->posting_password, g->posting_authorization);
}

void group_address_of(const uint8_t peer_id[32], uint8_t address[32])
{
	uint8_t epd[2 + 32] = {0x21, 0x0f};

	memcpy(epd + 2, peer_id, 32);
	sha256(epd, sizeof(epd), address);
}
