// Which applications a server offers, and to whom: the operator's lists, looked at once per
// connect.
//
// A deny list wins over everything, an empty allow list allows all. Addresses and peer IDs are
// proven by the session; pages and players are what the client says about itself, so their lists
// keep foreign sites out, not liars.
#pragma once

#include <stdint.h>

#include "dataplane/wire/address.h"

struct app_net {
	uint8_t ip[16];
	uint8_t family, prefix_len;
};

struct rpc_app {
	const char *name; // "live" is asked for as "live" and as "live/instance"
	const struct app_net *allow, *deny;
	const uint8_t (*allow_peers)[32], (*deny_peers)[32];
	// Hosts of pageUrl and swfUrl: "example.com", or "*.example.com" for any below it.
	const char *const *pages, *const *players;
	// One of them has to stand where the instance does (rtmfp://host/app/KEY) or be the first
	// argument after the command object.
	const char *const *keys;
	uint32_t n_allow, n_deny, n_allow_peers, n_deny_peers, n_pages, n_players, n_keys;
};

// Who asks, and with what. Texts may be "".
struct app_applicant {
	const char *app; // "app" or "app/instance"
	const char *page_url, *swf_url, *argument;
	const struct wire_addr *far;
	const uint8_t *peer_id;
};

enum app_verdict {
	APP_ALLOWED,
	APP_UNKNOWN,
	APP_ADDRESS, // and what it was refused for
	APP_PEER,
	APP_PAGE,
	APP_PLAYER,
	APP_KEY,
	APP_VERDICTS,
};

// apps NULL: any name is served to anybody.
enum app_verdict app_judge(const struct rpc_app *apps, uint32_t n, const struct app_applicant *);
