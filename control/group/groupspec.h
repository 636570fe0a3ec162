// Groupspec text (groups.md 2): what it says and whom it names. Pure functions.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/wire/address.h"
#include "dataplane/wire/limits.h" // GROUPSPEC_TEXT_MAX

#define GROUPSPEC_BOOTSTRAP_MAX 16
#define GROUPSPEC_PLACES_MAX    8 // IP multicast addresses

struct groupspec_hash { // publish or posting password (05, 07)
	bool is_set;
	uint8_t salt_len;
	uint8_t salt[64];
	uint8_t hash[32];
};

struct groupspec {
	char text[GROUPSPEC_TEXT_MAX + 1]; // as given
	uint32_t canonical_len;            // text[0..canonical_len) is the canonical text
	uint8_t id[32];                    // group ID (2.2)
	uint64_t version;
	bool routing, multicast, replication, posting;
	bool server_channel, peer_to_peer_disabled, ip_multicast_updates;
	char name[256]; // tag, UTF-8; "" if none
	bool has_unique;
	uint8_t unique[32];
	struct groupspec_hash publish_password, posting_password;
	uint8_t bootstrap[GROUPSPEC_BOOTSTRAP_MAX][32];
	uint8_t n_bootstrap;
	char publish_authorization[256], posting_authorization[256]; // the password itself, or ""
	struct groupspec_place {
		struct wire_addr addr;   // family 4 or 6, and port
		struct wire_addr source; // of the same family; 0: any sender
	} ip_multicast[GROUPSPEC_PLACES_MAX];
	uint8_t n_ip_multicast;
};

// 0, or -EBADMSG with *why (static text) and *at (offset into text).
int groupspec_parse(struct groupspec *, const char *text, const char **why, uint32_t *at);
bool groupspec_may_publish(
	const struct groupspec *); // MC-3: no password set, or a right authorization
bool groupspec_may_post(const struct groupspec *);
// Anything, where there is no password.
bool groupspec_password_is_right(const struct groupspec_hash *, const void *password,
				 uint32_t len);

struct groupspec_build {
	const char *name;
	bool multicast, posting, routing, replication, server_channel, is_v1;
	const char *publish_password, *posting_password; // NULL: none
	const uint8_t *salt;
	uint8_t salt_len;
	const uint8_t *unique; // 32 octets or NULL
	const uint8_t (*bootstrap)[32];
	uint8_t n_bootstrap;
	bool ip_multicast_updates;  // GS-7
	bool peer_to_peer_disabled; // GS-8
	const struct groupspec_place *places;
	uint8_t n_places;
};
// "ADDRESS:PORT" or "ADDRESS:PORT,SOURCE". 0, or -EINVAL with *why (IP-7).
int groupspec_place_parse(struct groupspec_place *, const char *text, const char **why);
// NULL: members may meet there; else why not.
const char *groupspec_place_refused(const struct groupspec_place *);
// Writes the text in GroupSpecifier's order. 0, -EINVAL (no name, or a name, password or salt that
// groupspec_parse would not take), -ENOSPC.
int groupspec_write(const struct groupspec_build *, bool with_authorizations, char *text,
		    uint32_t max);

// Decodes option by option for people, one call of `line` each, in the order of the text and
// unknown options too; then lines on the whole text (canonical text, group ID, who may publish and
// post). label: static text; value: valid during the call. 0, or what groupspec_parse returns.
typedef void (*groupspec_line)(void *ctx, const char *label, const char *value);
int groupspec_explain(const char *text, groupspec_line line, void *ctx, const char **why,
		      uint32_t *at);

void group_address_of(const uint8_t peer_id[32], uint8_t address[32]); // SHA256(21 0f + peer ID)
