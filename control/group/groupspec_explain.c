#include <stdio.h>
#include <string.h>

#include "control/group/groupspec.h"
#include "control/group/groupspec_option.h"
#include "dataplane/wire/address.h"
#include "dataplane/wire/option.h"

enum { VALUE_MAX = 2 * GROUPSPEC_OCTETS_MAX + 64 };

struct explain {
	groupspec_line line;
	void *ctx;
	unsigned n_tags;
	char value[VALUE_MAX];
};

static void say(struct explain *x, const char *label, const char *value)
{
	x->line(x->ctx, label, value);
}

static void say_octets(struct explain *x, const char *label, struct span value)
{
	for (size_t i = 0; i < value.len; i++)
		snprintf(x->value + 2 * i, 3, "%02x", value.data[i]);
	x->value[2 * value.len] = '\0';
	say(x, label, x->value);
}

// What is not printable ASCII shows as a dot, so that a stranger's name cannot steer a terminal.
static void say_text(struct explain *x, const char *label, struct span value)
{
	size_t i;

	for (i = 0; i < value.len; i++)
		x->value[i] =
			value.data[i] >= 0x20 && value.data[i] < 0x7f ? (char)value.data[i] : '.';
	x->value[i] = '\0';
	say(x, label, x->value);
}

static void say_hash(struct explain *x, const char *label, struct span value)
{
	size_t salt = value.len - 32;

	if (salt == 0) {
		snprintf(x->value, sizeof(x->value), "set, without salt");
	} else {
		size_t n = (size_t)snprintf(x->value, sizeof(x->value), "set, salt ");

		for (size_t i = 0; i < salt; i++)
			snprintf(x->value + n + 2 * i, 3, "%02x", value.data[i]);
	}
	say(x, label, x->value);
}

// ip, port, and the source in source-specific multicast.
static void say_ip_multicast(struct explain *x, struct span value)
{
	bool is_v6 = value.len == 18 || value.len == 34;
	size_t ip_len = is_v6 ? 16 : 4;
	struct wire_addr a = {.family = is_v6 ? 6 : 4};
	char text[WIRE_ADDR_TEXT_MAX];

	if (value.len != ip_len + 2 && value.len != 2 * ip_len + 2) {
		say_octets(x, "IP multicast address of unknown form", value);
		return;
	}
	memcpy(a.ip, value.data, ip_len);
	a.port = be16_get(value.data + ip_len);
	snprintf(x->value, sizeof(x->value), "%s%s", wire_addr_format(&a, text),
		 value.len > ip_len + 2 ? ", one source only" : "");
	say(x, "IP multicast address", x->value);
}

static void say_unknown(struct explain *x, uint64_t type, struct span value)
{
	size_t n =
		(size_t)snprintf(x->value, sizeof(x->value), "%02llx ", (unsigned long long)type);

	for (size_t i = 0; i < value.len; i++)
		snprintf(x->value + n + 2 * i, 3, "%02x", value.data[i]);
	say(x, "unknown option", x->value);
}

static bool say_flag(struct explain *x, uint64_t type)
{
	static const struct {
		enum groupspec_option type;
		const char *label;
	} flags[] = {
		{SPEC_ROUTING, "directed routing"},
		{SPEC_MULTICAST, "multicast"},
		{SPEC_REPLICATION, "object replication"},
		{SPEC_POSTING, "posting"},
		{SPEC_SERVER_CHANNEL, "server channel"},
		{SPEC_NO_PEER_TO_PEER, "peer to peer disabled"},
		{SPEC_IP_MULTICAST_UPDATES, "IP multicast member updates"},
	};

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (flags[i].type == type) {
			say(x, flags[i].label, "on");
			return true;
		}
	return false;
}

static void say_canonical(struct explain *x, uint64_t type, struct span value)
{
	struct rd r = rd_over_span(value);

	if (say_flag(x, type))
		return;
	switch (type) {
	case SPEC_VERSION:
		snprintf(x->value, sizeof(x->value), "%llu", (unsigned long long)rd_vlu(&r));
		say(x, "version", x->value);
		break;
	case SPEC_PUBLISH_HASH:
		say_hash(x, "publish password", value);
		break;
	case SPEC_POSTING_HASH:
		say_hash(x, "posting password", value);
		break;
	case SPEC_TAG:
		if (x->n_tags++ == 0)
			say_text(x, "name", value);
		else
			say_octets(x, "unique", value);
		break;
	default:
		say_unknown(x, type, value);
	}
}

static void say_extra(struct explain *x, uint64_t type, struct span value)
{
	switch (type) {
	case SPEC_IP_MULTICAST:
		say_ip_multicast(x, value);
		break;
	case SPEC_BOOTSTRAP:
		say_octets(x, "bootstrap peer", value);
		break;
	case SPEC_PUBLISH_PASSWORD:
		say_text(x, "publish authorization", value);
		break;
	case SPEC_POSTING_PASSWORD:
		say_text(x, "posting authorization", value);
		break;
	default:
		say_unknown(x, type, value);
	}
}

static void say_options(struct explain *x, const struct groupspec_octets *o)
{
	struct rd r = rd_over(o->octets, o->len);
	bool is_canonical = true;
	enum opt_kind kind;
	uint64_t type;
	struct span value;

	while ((kind = opt_next(&r, &type, &value)) != OPT_END) {
		if (kind == OPT_MARKER)
			is_canonical = false;
		else if (is_canonical)
			say_canonical(x, type, value);
		else
			say_extra(x, type, value);
	}
}

static void say_whole(struct explain *x, const struct groupspec *g)
{
	snprintf(x->value, sizeof(x->value), "%.*s", (int)g->canonical_len, g->text);
	say(x, "canonical text", x->value);
	say_octets(x, "group ID", span_of(g->id, sizeof(g->id)));
	say(x, "may publish", groupspec_may_publish(g) ? "yes" : "no");
	say(x, "may post", groupspec_may_post(g) ? "yes" : "no");
}

int groupspec_explain(const char *text, groupspec_line line, void *ctx, const char **why,
		      uint32_t *at)
{
	struct explain x = {.line = line, .ctx = ctx};
	struct groupspec_octets o;
	struct groupspec g;
	int err = groupspec_parse(&g, text, why, at);

	if (err != 0)
		return err;
	groupspec_octets_read(&o, text, why, at); // what parses has octets
	say_options(&x, &o);
	say_whole(&x, &g);
	return 0;
}
