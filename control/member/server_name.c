#include "control/member/server_name.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "dataplane/udp/sockaddr.h"

#define DEFAULT_PORT "1935"
#define HOST_MAX     256
#define PORT_MAX     8

struct parts {
	char host[HOST_MAX], port[PORT_MAX];
	const char *app;
};

// The host's octets, and where its port begins: at the colon, or NULL. -EINVAL: brackets do not
// match.
static int host_of(const char *p, const char *end, const char **host, size_t *len,
		   const char **colon)
{
	if (*p != '[') {
		*colon = memchr(p, ':', (size_t)(end - p));
		*host = p;
		*len = (size_t)((*colon != NULL ? *colon : end) - p);
		return 0;
	}
	const char *close = memchr(p, ']', (size_t)(end - p));

	if (close == NULL)
		return -EINVAL;
	*host = p + 1;
	*len = (size_t)(close - p - 1);
	*colon = close + 1 < end && close[1] == ':' ? close + 1 : NULL;
	return *colon != NULL || close + 1 == end ? 0 : -EINVAL;
}

static int split(const char *text, struct parts *out)
{
	const char *p = text, *end, *colon, *host;
	size_t len;

	if (strncmp(p, "rtmfp://", 8) == 0)
		p += 8;
	end = p + strcspn(p, "/");
	out->app = *end == '/' ? end + 1 : "";
	snprintf(out->port, sizeof(out->port), "%s", DEFAULT_PORT);
	if (host_of(p, end, &host, &len, &colon) < 0 || len == 0 || len >= HOST_MAX)
		return -EINVAL;
	memcpy(out->host, host, len);
	out->host[len] = '\0';
	if (colon == NULL)
		return 0;
	len = (size_t)(end - colon - 1);
	if (len == 0 || len > 5 || strspn(colon + 1, "0123456789") < len)
		return -EINVAL;
	snprintf(out->port, sizeof(out->port), "%.*s", (int)len, colon + 1);
	return atoi(out->port) >= 1 && atoi(out->port) <= 65535 ? 0 : -EINVAL;
}

static int write_uri(struct server_name *s, const struct parts *p)
{
	const char *format =
		strchr(p->host, ':') != NULL ? "rtmfp://[%s]:%s/%s" : "rtmfp://%s:%s/%s";
	int n = snprintf(s->uri, sizeof(s->uri), format, p->host, p->port, p->app);

	return n < (int)sizeof(s->uri) ? 0 : -EINVAL;
}

int server_name_resolve(struct server_name *s, const char *text, char *why, uint32_t why_max)
{
	struct addrinfo hints = {.ai_socktype = SOCK_DGRAM}, *list;
	struct parts p;
	int err;

	*s = (struct server_name){0};
	if (split(text, &p) < 0 || write_uri(s, &p) < 0) {
		snprintf(why, why_max, "'%s' is not HOST[:PORT][/APP]", text);
		return -EINVAL;
	}
	err = getaddrinfo(p.host, p.port, &hints, &list);
	if (err != 0) {
		snprintf(why, why_max, "cannot resolve %s: %s", p.host, gai_strerror(err));
		return -EHOSTUNREACH;
	}
	for (struct addrinfo *a = list; a != NULL && s->n_addrs < SERVER_ADDRS_MAX;
	     a = a->ai_next) {
		struct sockaddr_storage ss = {0};

		memcpy(&ss, a->ai_addr, a->ai_addrlen);
		sockaddr_get(&ss, &s->addrs[s->n_addrs]);
		if (s->addrs[s->n_addrs].family != 0)
			s->n_addrs++;
	}
	freeaddrinfo(list);
	return 0;
}
