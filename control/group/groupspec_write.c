#include <errno.h>
#include <string.h>

#include "control/group/groupspec.h"
#include "control/group/groupspec_option.h"
#include "crypto/sha.h"
#include "dataplane/wire/option.h"

static bool is_short(const char *text)
{
	return text == NULL || strlen(text) <= 255;
}

static bool places_are_good(const struct groupspec_build *b)
{
	for (uint8_t i = 0; i < b->n_places; i++)
		if (groupspec_place_refused(&b->places[i]) != NULL)
			return false;
	return true;
}

static bool is_valid(const struct groupspec_build *b)
{
	return b->name != NULL && b->name[0] != '\0' && is_short(b->name) &&
	       is_short(b->publish_password) && is_short(b->posting_password) &&
	       b->salt_len <= sizeof(((struct groupspec_hash *)0)->salt) &&
	       b->n_bootstrap <= GROUPSPEC_BOOTSTRAP_MAX && b->n_places <= GROUPSPEC_PLACES_MAX &&
	       places_are_good(b);
}

static void wr_flag_if(struct wr *w, bool is_on, enum groupspec_option type)
{
	if (is_on)
		wr_option_flag(w, type);
}

// salt, SHA256(salt + password)
static void wr_hash(struct wr *w, enum groupspec_option type, const struct groupspec_build *b,
		    const char *password)
{
	uint8_t salted[64 + 255], hash[SHA256_LEN], value[64 + SHA256_LEN];
	size_t len;

	if (password == NULL)
		return;
	len = strlen(password);
	if (b->salt_len > 0) {
		memcpy(salted, b->salt, b->salt_len);
		memcpy(value, b->salt, b->salt_len);
	}
	memcpy(salted + b->salt_len, password, len);
	sha256(salted, b->salt_len + len, hash);
	memcpy(value + b->salt_len, hash, sizeof(hash));
	wr_option(w, type, span_of(value, b->salt_len + SHA256_LEN));
}

static void wr_canonical(struct wr *w, const struct groupspec_build *b)
{
	if (!b->is_v1)
		wr_option_vlu(w, SPEC_VERSION, 2);
	wr_flag_if(w, b->routing, SPEC_ROUTING);
	wr_flag_if(w, b->multicast, SPEC_MULTICAST);
	wr_flag_if(w, b->replication, SPEC_REPLICATION);
	wr_flag_if(w, b->posting, SPEC_POSTING);
	wr_hash(w, SPEC_PUBLISH_HASH, b, b->publish_password);
	wr_hash(w, SPEC_POSTING_HASH, b, b->posting_password);
	wr_flag_if(w, b->server_channel, SPEC_SERVER_CHANNEL);
	wr_flag_if(w, b->peer_to_peer_disabled, SPEC_NO_PEER_TO_PEER);
	wr_option(w, SPEC_TAG, span_of(b->name, strlen(b->name)));
	if (b->unique != NULL)
		wr_option(w, SPEC_TAG, span_of(b->unique, 32));
	wr_flag_if(w, b->ip_multicast_updates, SPEC_IP_MULTICAST_UPDATES);
	wr_marker(w);
}

static void wr_place(struct wr *w, const struct groupspec_place *p)
{
	uint8_t value[34];
	struct wr v = wr_over(value, sizeof(value));
	size_t len = p->addr.family == 6 ? 16 : 4;

	wr_bytes(&v, p->addr.ip, len);
	wr_u16(&v, p->addr.port);
	if (p->source.family != 0)
		wr_bytes(&v, p->source.ip, len);
	wr_option(w, SPEC_IP_MULTICAST, wr_span(&v));
}

static void wr_password(struct wr *w, enum groupspec_option type, const char *password)
{
	if (password != NULL)
		wr_option(w, type, span_of(password, strlen(password)));
}

static void hex_write(char *text, struct span octets)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < octets.len; i++) {
		*text++ = digits[octets.data[i] >> 4];
		*text++ = digits[octets.data[i] & 15];
	}
	*text = '\0';
}

int groupspec_write(const struct groupspec_build *b, bool with_authorizations, char *text,
		    uint32_t max)
{
	uint8_t octets[GROUPSPEC_OCTETS_MAX];
	struct wr w = wr_over(octets, sizeof(octets));

	if (!is_valid(b))
		return -EINVAL;
	wr_canonical(&w, b);
	for (uint8_t i = 0; i < b->n_places; i++)
		wr_place(&w, &b->places[i]);
	for (uint8_t i = 0; i < b->n_bootstrap; i++)
		wr_option(&w, SPEC_BOOTSTRAP, span_of(b->bootstrap[i], PEER_ID_LEN));
	if (with_authorizations) {
		wr_password(&w, SPEC_PUBLISH_PASSWORD, b->publish_password);
		wr_password(&w, SPEC_POSTING_PASSWORD, b->posting_password);
	}
	if (wr_err(&w) != 0 || max < GROUPSPEC_PREFIX_LEN + 2 * w.len + 1)
		return -ENOSPC;
	memcpy(text, GROUPSPEC_PREFIX, GROUPSPEC_PREFIX_LEN);
	hex_write(text + GROUPSPEC_PREFIX_LEN, wr_span(&w));
	return 0;
}
