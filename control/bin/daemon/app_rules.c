#include "control/bin/daemon/app_rules.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "control/peer_id.h"

// An empty list takes an item's memory, too: NULL means that there is none.
static struct app_net *nets_of(const struct config_addr *from, uint32_t n)
{
	struct app_net *nets = calloc(n + 1, sizeof(*nets));

	for (uint32_t i = 0; i < n && nets != NULL; i++) {
		memcpy(nets[i].ip, from[i].ip, sizeof(nets[i].ip));
		nets[i].family = from[i].family == CONFIG_ADDR_IPV6 ? 6 : 4;
		nets[i].prefix_len = from[i].prefix_len;
	}
	return nets;
}

// The schema has seen to it that they are peer IDs.
static uint8_t (*peers_of(const char *const *from, uint32_t n))[32]
{
	uint8_t(*ids)[32] = calloc(n + 1, sizeof(*ids));

	for (uint32_t i = 0; i < n && ids != NULL; i++)
		peer_id_parse(ids[i], from[i]);
	return ids;
}

static bool rules_of(struct rpc_app *to, const struct config_app *from)
{
	*to = (struct rpc_app){
		.name = from->name,
		.allow = nets_of(from->allow_addresses, from->n_allow_addresses),
		.n_allow = from->n_allow_addresses,
		.deny = nets_of(from->deny_addresses, from->n_deny_addresses),
		.n_deny = from->n_deny_addresses,
		.allow_peers = peers_of(from->allow_peers, from->n_allow_peers),
		.n_allow_peers = from->n_allow_peers,
		.deny_peers = peers_of(from->deny_peers, from->n_deny_peers),
		.n_deny_peers = from->n_deny_peers,
		.pages = from->pages,
		.n_pages = from->n_pages,
		.players = from->players,
		.n_players = from->n_players,
		.keys = from->keys,
		.n_keys = from->n_keys,
	};
	return to->allow != NULL && to->deny != NULL && to->allow_peers != NULL &&
	       to->deny_peers != NULL;
}

struct rpc_app *app_rules_create(const struct config *cfg)
{
	struct rpc_app *apps = calloc(cfg->n_apps + 1, sizeof(*apps));

	for (uint32_t i = 0; i < cfg->n_apps && apps != NULL; i++) {
		if (rules_of(&apps[i], &cfg->apps[i]))
			continue;
		app_rules_destroy(apps, cfg->n_apps);
		return NULL;
	}
	return apps;
}

void app_rules_destroy(struct rpc_app *apps, uint32_t n)
{
	for (uint32_t i = 0; i < n && apps != NULL; i++) {
		free((void *)(uintptr_t)apps[i].allow);
		free((void *)(uintptr_t)apps[i].deny);
		free((void *)(uintptr_t)apps[i].allow_peers);
		free((void *)(uintptr_t)apps[i].deny_peers);
	}
	free(apps);
}
