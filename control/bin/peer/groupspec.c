// annulus-peer groupspec: make one, or say what one means.
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "control/bin/peer/peer.h"
#include "control/group/groupspec.h"
#include "control/peer_id.h"
#include "crypto/random.h"

#define SALT_LEN 16

static void print_line(void *ctx, const char *label, const char *value)
{
	printf("%-26s %s\n", label, value);
}

static int explain(const char *text)
{
	const char *why;
	uint32_t at;

	if (groupspec_explain(text, print_line, NULL, &why, &at) == 0)
		return PEER_OK;
	peer_error("groupspec is not valid at character %u: %s", at + 1, why);
	return PEER_USAGE;
}

static int print_one(const struct groupspec_build *b, bool with_authorizations, const char *label)
{
	char text[GROUPSPEC_TEXT_MAX + 1];
	int err = groupspec_write(b, with_authorizations, text, sizeof(text));

	if (err != 0) {
		peer_error("cannot make a groupspec of this: %s",
			   err == -ENOSPC ? "it would be too long"
					  : "name, password or salt is unusable");
		return PEER_USAGE;
	}
	printf("%s%s\n", label, text);
	return PEER_OK;
}

int peer_groupspec(const struct peer_args *a)
{
	uint8_t bootstrap[PEER_BOOTSTRAP_MAX][32], unique[32], salt[SALT_LEN];
	struct random random = random_system();
	bool has_password = a->publish_password != NULL || a->posting_password != NULL;
	struct groupspec_build b = {.name = a->name,
				    .multicast = a->multicast,
				    .posting = a->posting,
				    .routing = a->routing,
				    .replication = a->replication,
				    .server_channel = !a->no_server_channel,
				    .is_v1 = a->v1,
				    .publish_password = a->publish_password,
				    .posting_password = a->posting_password,
				    .bootstrap = bootstrap,
				    .n_bootstrap = (uint8_t)a->n_bootstrap,
				    .ip_multicast_updates = a->n_places > 0 && !a->no_peers,
				    .peer_to_peer_disabled = a->no_peers,
				    .places = a->places,
				    .n_places = a->n_places};
	int err;

	if (a->explain != NULL)
		return explain(a->explain);
	for (uint32_t i = 0; i < a->n_bootstrap; i++)
		if (peer_id_parse(bootstrap[i], a->bootstrap[i]) < 0) {
			peer_error("--bootstrap: '%s' is not a peer ID (64 hex digits)",
				   a->bootstrap[i]);
			return PEER_USAGE;
		}
	if (has_password) {
		random_fill(&random, salt, sizeof(salt));
		b.salt = salt;
		b.salt_len = sizeof(salt);
	}
	if (a->unique) {
		random_fill(&random, unique, sizeof(unique));
		b.unique = unique;
	}
	err = print_one(&b, true, has_password ? "with authorizations:    " : "");
	if (err == PEER_OK && has_password)
		err = print_one(&b, false, "without authorizations: ");
	return err;
}
