#include "control/bin/daemon/groupspec_hook.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "control/group/groupspec.h"

static int check(void *ctx, const char *spec, size_t len, uint8_t id[32], char *why,
		 size_t why_size)
{
	char text[GROUPSPEC_TEXT_MAX + 1];
	struct groupspec g;
	const char *reason;
	uint32_t at;

	if (len > GROUPSPEC_TEXT_MAX) {
		snprintf(why, why_size,
			 "%zu characters are more than the %u that a groupspec may have", len,
			 GROUPSPEC_TEXT_MAX);
		return -EINVAL;
	}
	memcpy(text, spec, len);
	text[len] = '\0';
	if (groupspec_parse(&g, text, &reason, &at) != 0) {
		snprintf(why, why_size, "%s, at character %u", reason, at + 1);
		return -EINVAL;
	}
	if (g.peer_to_peer_disabled) {
		snprintf(why, why_size, "it disables peer to peer, so there is nothing to join");
		return -EINVAL;
	}
	memcpy(id, g.id, sizeof(g.id));
	return 0;
}

static const char *lan(void *ctx, const char *text)
{
	struct groupspec g;
	const char *reason;
	uint32_t at;

	if (groupspec_parse(&g, text, &reason, &at) != 0) // that is said elsewhere
		return NULL;
	if (!g.ip_multicast_updates && !g.multicast)
		return "the groupspec has neither member updates by IP multicast nor streams";
	return g.n_ip_multicast > 0 ? NULL : "the groupspec names no IP multicast address";
}

const struct config_hooks groupspec_hooks = {.groupspec_check = check, .groupspec_lan = lan};
