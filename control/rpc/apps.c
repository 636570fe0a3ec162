#include "control/rpc/apps.h"

#include <string.h>
#include <strings.h>

static bool is_in_net(const struct wire_addr *a, const struct app_net *n)
{
	unsigned whole = n->prefix_len / 8, rest = n->prefix_len % 8;

	if (a->family != n->family || memcmp(a->ip, n->ip, whole) != 0)
		return false;
	return rest == 0 || (a->ip[whole] ^ n->ip[whole]) >> (8 - rest) == 0;
}

static bool is_in_nets(const struct wire_addr *a, const struct app_net *nets, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (is_in_net(a, &nets[i]))
			return true;
	return false;
}

static bool is_in_peers(const uint8_t *id, const uint8_t (*ids)[32], uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (memcmp(id, ids[i], sizeof(ids[i])) == 0)
			return true;
	return false;
}

// The host of "http://user@host:80/path"; the empty text if there is none.
static struct span host_of(const char *url)
{
	const char *host = strstr(url, "://"), *at;
	size_t len;

	if (host == NULL)
		return span_of(url, 0);
	host += 3;
	len = strcspn(host, "/?#");
	for (at = host + len; at > host; at--) // whoever logs in is not where
		if (at[-1] == '@')
			break;
	len -= (size_t)(at - host);
	if (len > 0 && at[0] != '[') { // an IPv6 address has colons of its own
		const char *port = memchr(at, ':', len);

		len = port != NULL ? (size_t)(port - at) : len;
	}
	return span_of(at, len);
}

static bool is_host(struct span host, const char *wanted)
{
	size_t len = strlen(wanted);

	if (strncmp(wanted, "*.", 2) == 0) { // something has to stand before the dot
		wanted++;
		len--;
		if (host.len <= len)
			return false;
		host = span_of(host.data + (host.len - len), len);
	}
	return host.len == len && strncasecmp((const char *)host.data, wanted, len) == 0;
}

static bool is_from(const char *url, const char *const *hosts, uint32_t n)
{
	struct span host = host_of(url);

	for (uint32_t i = 0; i < n; i++)
		if (is_host(host, hosts[i]))
			return true;
	return n == 0;
}

// Takes as long for a key that is nearly right as for any other of its length.
static bool is_key(const char *given, const char *key)
{
	size_t len = strlen(key);
	uint8_t differs = 0;

	if (strlen(given) != len)
		return false;
	for (size_t i = 0; i < len; i++)
		differs |= (uint8_t)(given[i] ^ key[i]);
	return differs == 0;
}

static bool has_key(const struct app_applicant *a, const char *const *keys, uint32_t n)
{
	const char *slash = strchr(a->app, '/');

	for (uint32_t i = 0; i < n; i++)
		if ((slash != NULL && is_key(slash + 1, keys[i])) || is_key(a->argument, keys[i]))
			return true;
	return n == 0;
}

// The part of "app/instance" before the slash is its name.
static const struct rpc_app *find(const struct rpc_app *apps, uint32_t n, const char *app)
{
	size_t len = strcspn(app, "/");

	for (uint32_t i = 0; i < n; i++)
		if (strlen(apps[i].name) == len && strncmp(apps[i].name, app, len) == 0)
			return &apps[i];
	return NULL;
}

enum app_verdict app_judge(const struct rpc_app *apps, uint32_t n, const struct app_applicant *a)
{
	const struct rpc_app *r;

	if (apps == NULL)
		return APP_ALLOWED;
	r = find(apps, n, a->app);
	if (r == NULL)
		return APP_UNKNOWN;
	if (is_in_nets(a->far, r->deny, r->n_deny) ||
	    (r->n_allow > 0 && !is_in_nets(a->far, r->allow, r->n_allow)))
		return APP_ADDRESS;
	if (is_in_peers(a->peer_id, r->deny_peers, r->n_deny_peers) ||
	    (r->n_allow_peers > 0 && !is_in_peers(a->peer_id, r->allow_peers, r->n_allow_peers)))
		return APP_PEER;
	if (!is_from(a->page_url, r->pages, r->n_pages))
		return APP_PAGE;
	if (!is_from(a->swf_url, r->players, r->n_players))
		return APP_PLAYER;
	return has_key(a, r->keys, r->n_keys) ? APP_ALLOWED : APP_KEY;
}
