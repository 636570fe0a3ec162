// Streams by IP multicast (netgroup-semantics 10): what is sent there beside what goes to
// neighbours, and what comes, which enters the same window. Peers repair what is lost (fusion,
// IP-1).
#include <string.h>

#include "control/group/fragment_store.h"
#include "control/group/lan.h"
#include "dataplane/wire/stream_fragment.h"

enum { NAMED_US = 1000000 }; // who is new hears of a stream so soon

// ---- out ----

bool lan_sends(const struct group *g)
{
	return g->lan != NULL && g->limits.multicast_ttl > 0;
}

static bool is_sent(const struct gstream *s)
{
	return lan_sends(s->group) && !s->is_from_multicast;
}

static void name_one(struct lan *l, const struct gstream *s)
{
	uint8_t info[512];
	struct wr w = wr_over(info, sizeof(info));
	struct lan_msg m = {.type = LAN_STREAM};

	if (stream_info_write(&w, &s->info) != 0)
		return;
	m.body = wr_span(&w);
	lan_say(l, &m, l->group->limits.multicast_ttl);
}

static void end_one(struct lan *l, const struct gstream *s)
{
	uint8_t end[STREAM_END_LEN_MAX];
	struct wr w = wr_over(end, sizeof(end));
	struct lan_msg m = {.type = LAN_END};

	if (stream_end_write(&w, s->end) != 0)
		return;
	memcpy(m.stream, s->info.key, LAN_STREAM_LEN);
	m.body = wr_span(&w);
	lan_say(l, &m, l->group->limits.multicast_ttl);
}

void lan_streams_name(struct lan *l)
{
	uint64_t now_us = l->group->groups->now_us;

	l->streams_us = NEVER;
	for (const struct gstream *s = l->group->streams; s != NULL; s = s->next) {
		if (!is_sent(s) || s->is_silent)
			continue;
		name_one(l, s);
		if (s->end != 0)
			end_one(l, s);
		l->streams_us = now_us + NAMED_US;
	}
}

// Its name goes first, or the fragment would mean nothing to anybody.
void lan_fragment_out(struct gstream *s, struct span message)
{
	struct lan *l = s->group->lan;
	struct lan_msg m = {.type = LAN_FRAGMENT, .body = message};

	if (!is_sent(s))
		return;
	if (l->streams_us == NEVER)
		lan_streams_name(l);
	memcpy(m.stream, s->info.key, LAN_STREAM_LEN);
	if (!lan_say(l, &m, s->group->limits.multicast_ttl)) {
		s->group->groups->n.lan_fragments_lost++;
		return;
	}
	s->figures.fragments_to_multicast++;
	s->figures.bytes_to_multicast += message.len;
}

void lan_end_out(struct gstream *s)
{
	if (is_sent(s))
		end_one(s->group->lan, s);
}

// ---- in ----

static struct gstream *stream_of(const struct group *g, const uint8_t key[LAN_STREAM_LEN])
{
	struct gstream *s = g->streams;

	while (s != NULL && memcmp(s->info.key, key, LAN_STREAM_LEN) != 0)
		s = s->next;
	return s;
}

// As a neighbour's announcement. Whoever takes streams of known publishers alone (groups.md 10.5)
// knows the sender of these.
static bool may_send(const struct group *g, const uint8_t sender[PEER_ID_LEN])
{
	if (!g->groups->o.is_super || !g->spec.publish_password.is_set)
		return true;
	for (uint32_t i = 0; i < g->limits.n_publishers; i++)
		if (memcmp(g->publishers[i], sender, PEER_ID_LEN) == 0)
			return true;
	g->groups->n.streams_foreign++;
	return false;
}

static void stream_in(struct group *g, const struct lan_msg *m)
{
	struct stream_info info;
	struct gstream *s;

	if (stream_info_read(&info, m->body) != 0 || stream_is_end(m->body) ||
	    info.name.len > STREAM_NAME_MAX) {
		g->groups->n.malformed++;
		return;
	}
	s = stream_of(g, info.key);
	if (s != NULL) { // known by neighbours, perhaps
		s->is_from_multicast |= !s->is_published_here;
		return;
	}
	if (!may_send(g, m->sender))
		return;
	if (stream_make(g, &info, stream_relay_margin_ms(g), 0, 0, &s) == 0)
		s->is_from_multicast = true;
	else
		g->groups->n.streams_refused++;
}

static void fragment_in(struct gstream *s, struct span message)
{
	struct outbox *out = s->group->groups->o.outbox;
	struct command c = {.op = CMD_STREAM_MULTICAST,
			    .len = (uint32_t)message.len,
			    .stream.stream = s->index};
	struct stream_fragment f;

	if (stream_fragment_read(&f, message) != 0) {
		s->group->groups->n.malformed++;
		return;
	}
	c.stream.number = f.number;
	if (!outbox_is_crowded(out, s->home))
		c.body = outbox_body_copy(out, message.data, (uint32_t)message.len);
	if (c.body == NULL) {
		s->group->groups->n.lan_fragments_lost++; // neighbours have it
		return;
	}
	outbox_push(out, s->home, &c);
}

void lan_stream_in(struct lan *l, const struct lan_msg *m)
{
	struct group *g = l->group;
	struct gstream *s;
	uint64_t end;

	if (!g->spec.multicast)
		return;
	if (m->type == LAN_STREAM) {
		stream_in(g, m);
		return;
	}
	s = stream_of(g, m->stream);
	if (s == NULL || s->is_published_here)
		return;
	if (m->type == LAN_FRAGMENT)
		fragment_in(s, m->body);
	else if (stream_end_read(&end, m->body) != 0 || end > STREAM_NUMBER_MAX || end < s->newest)
		g->groups->n.malformed++;
	else
		stream_end(s, end);
}
