// Two far ends against a node: an unproven one at its introducer and at its member, and a proven
// one in its group. Each record of the input is one deed: who, which flow, what. Whatever they say,
// nothing of the unproven reaches the group, and everything stays bounded.
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "control/group/streams.h"
#include "tests/unit/control/group/object_kit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FLOWS_MAX = 24, ENDS = 3 };

struct side {
	struct end *e;
	int slots[FLOWS_MAX];
	uint32_t n_slots;
};

struct game {
	struct raw_peer peer; // proven
	struct world_node *stranger;
	struct side sides[ENDS];
};

static struct game begin(void)
{
	static const struct world_role both = {
		.is_super = true, .is_server = true, .introduces_unlisted = true};
	struct raw_peer *t = raw_peer_create_in(&both, OBJECT_SPEC);
	struct game g = {.peer = *t};

	free(t);
	raw_befriend(&g.peer);
	g.stranger = world_add(g.peer.w, &(struct world_role){.is_raw = true});
	g.sides[0].e = g.peer.e;
	g.sides[1].e = world_session(g.stranger, WORLD_MEMBER, g.peer.node, WORLD_MEMBER);
	g.sides[2].e = world_session(g.stranger, WORLD_MEMBER, g.peer.node, WORLD_SERVER);
	return g;
}

static void open_flow(struct side *s, bool is_spx, uint8_t what)
{
	static const char *const metas[] = {RAW_MAIN, RAW_CONTROL, RAW_DATA,
					    "GC",     "GR\x18",    "GR\x1d"};
	static const char *const spx_metas[] = {RAW_ROUTES, RAW_POSTS, RAW_DATA_65, "GR\x19"};
	static const char *const object_metas[] = {RAW_OBJECT_CONTROL, RAW_OBJECTS};
	const char *meta = !is_spx    ? metas[what % 6]
			   : what & 4 ? object_metas[what % 2]
				      : spx_metas[what % 4];
	struct end *far = s->e->far;
	uint64_t assoc = 0;

	if (s->n_slots == FLOWS_MAX || far == NULL)
		return;
	// Return flows of whatever they opened: by the choice of the input, any of it.
	for (int i = 0, k = what >> 4; i < FLOWS_PER_SESSION; i++)
		if (far->tx[i].is_open && k-- == 0)
			assoc = far->tx[i].flow_id;
	s->slots[s->n_slots++] = raw_open(s->e, meta, strlen(meta), (what & 8) != 0, assoc);
}

// Its sets, and answers to what was asked last.
static void own_objects(struct group *group, uint8_t what, struct span octets, uint64_t now_us)
{
	uint64_t first = octets.len > 0 ? octets.data[0] : 0;
	uint64_t last = octets.len > 1 ? octets.data[1] : OBJECT_INDEX_MAX;

	if (what & 0x80)
		group_set_replication(group,
				      &(struct group_replication){.is_lowest_first = what & 1,
								  .is_seed = what & 2,
								  .is_spread = what & 4,
								  .is_lent = what & 0x40,
								  .spread_from = first & 3},
				      now_us);
	else if (what & 0x40)
		group_object_write(group, group->objects->asked_ever - (what & 3), OBJECT_OPAQUE,
				   octets, now_us);
	else if (what & 4)
		(what & 2 ? group_have_add : group_want_add)(group, first, last, now_us);
	else if (what & 1)
		(what & 2 ? group_have_remove : group_want_remove)(group, first, last, now_us);
	else
		group_object_refuse(group, first, group->groups->o.member_id, now_us);
}

// What our own program does meanwhile.
static void own_deed(struct game *g, uint8_t what, struct span octets)
{
	struct group *group = g->peer.node->group;
	uint64_t now_us = world_now_us(g->peer.w);
	uint8_t id[POST_ID_LEN];
	char address[65] = {0};

	for (int i = 0; i < 64; i++)
		address[i] = i % 2 == 0 ? '7' : (char)('0' + what % 8);
	switch (what >> 3 & 7) {
	case 0:
		group_set_receive_mode(group, what & 1, now_us);
		break;
	case 1:
		group_post(group, octets, id, now_us);
		break;
	case 2:
		group_send_to_all_neighbours(group, octets, now_us);
		break;
	case 3:
		group_send_to_neighbour(group, what & 1, octets, now_us);
		break;
	case 4:
		group_send_far(group, address, octets, now_us);
		break;
	case 5:
		group_send_to_nearest(group, address, octets, now_us);
		break;
	default:
		own_objects(group, what, octets, now_us);
	}
}

// A posting whose ID is right, on whatever flow.
static void send_posting(struct side *s, uint8_t flow, struct span octets)
{
	uint8_t message[POST_DATA_HEAD_MAX + 256];
	struct wr w = wr_over(message, sizeof(message));
	struct post_data d = {.hop = flow, .message = octets};

	if (octets.len == 0 || s->n_slots == 0)
		return;
	sha256(octets.data, octets.len, d.id);
	post_data_write(&w, &d);
	ctl_flow_send(&s->e->ctl, (uint16_t)s->slots[flow % s->n_slots], message, (uint32_t)w.len,
		      0);
}

static void deed(struct game *g, struct rd *r)
{
	uint8_t op = rd_u8(r);
	struct side *s = &g->sides[(op & 3) % ENDS];
	struct span octets;

	switch (op >> 2 & 7) {
	case 0:
		open_flow(s, op & 0x20, rd_u8(r));
		break;
	case 1:
		if (s->n_slots > 0)
			ctl_flow_close(&s->e->ctl, (uint16_t)s->slots[rd_u8(r) % s->n_slots]);
		break;
	case 2:
		world_run(g->peer.w, (uint64_t)rd_u8(r) * 100 * MS);
		break;
	case 3:
		octets = rd_bytes(r, rd_u8(r) % (rd_left(r) + 1));
		if (op & 0x20)
			own_deed(g, rd_u8(r), octets);
		else if (g->sides[0].e == s->e) // the proven one's main flow
			ctl_flow_send(&s->e->ctl, (uint16_t)g->peer.main, octets.data,
				      (uint32_t)octets.len, 0);
		break;
	default:
		octets = rd_bytes(r, rd_u8(r) % (rd_left(r) + 1));
		if (op & 0x20)
			send_posting(s, rd_u8(r), octets);
		else if (s->n_slots > 0)
			ctl_flow_send(&s->e->ctl, (uint16_t)s->slots[rd_u8(r) % s->n_slots],
				      octets.data, (uint32_t)octets.len, 0);
	}
}

static bool is_within(const struct ranges *r, const struct ranges *all)
{
	struct index_range out;

	for (uint32_t i = 0; i < r->n; i++)
		if (ranges_next_out(all, r->at[i].first, r->at[i].last, &out))
			return false;
	return true;
}

static bool is_apart(const struct ranges *r, const struct ranges *from)
{
	struct index_range in;

	for (uint32_t i = 0; i < r->n; i++)
		if (ranges_next_in(from, r->at[i].first, r->at[i].last, &in))
			return false;
	return true;
}

// Of what is spread, nobody is shown what we have not, and no two the same.
static void check_slices(const struct objects *os)
{
	const struct object_spread *s = &os->spread;

	assert(is_within(&s->ungiven, &os->have) && is_within(&s->unshown, &s->ungiven));
	if (!object_spread_is_on(s))
		return;
	for (const struct object_peer *op = os->peers; op != NULL; op = op->next) {
		assert(is_within(&op->slice.left, &os->have) &&
		       is_apart(&op->slice.left, &s->unshown));
		for (const struct object_peer *other = op->next; other != NULL; other = other->next)
			assert(is_apart(&op->slice.left, &other->slice.left));
	}
}

static void check_objects(const struct objects *os)
{
	uint64_t n_ranges = 0;

	for (const struct object_peer *op = os->peers; op != NULL; op = op->next) {
		n_ranges += op->have.n;
		assert(op->have.n <= OBJECT_HELD_RANGES && op->n_refused <= OBJECT_REFUSED_MAX);
		for (uint32_t i = 0; i < op->have.n; i++)
			assert(tally_of(&os->tally, op->have.at[i].first) > 0);
	}
	assert(os->n_ranges == n_ranges && os->tally.n <= 2 * n_ranges);
	assert(os->n_fetches <= OBJECT_FETCHES_MAX && os->n_asked <= OBJECT_ASKED_MAX);
	for (uint32_t i = 0; i < os->n_fetches; i++)
		assert(ranges_has(&os->want, os->fetches[i].index) &&
		       !ranges_has(&os->open, os->fetches[i].index));
	assert(ranges_count(&os->open) + os->n_fetches == ranges_count(&os->want));
}

static void check(const struct game *g)
{
	const struct group *group = g->peer.node->group;

	assert(group->n_open <= 1); // the stranger never proves anything
	assert(group->n_streams <= group->limits.streams_max);
	assert(group->members.ring.n <= group->members.max);
	assert(group->postings->n_asked <= 4096 && group->routes->n_jobs <= ROUTE_ALL_JOBS_MAX);
	for (uint64_t i = group->postings->first; i < group->postings->next; i++)
		assert(post_at(group->postings, i)->number == i);
	check_objects(group->objects);
	check_slices(group->objects);
	for (const struct gstream *s = group->streams; s != NULL; s = s->next)
		for (const struct stream_link *l = s->links; l != NULL; l = l->next_of_stream)
			assert(memcmp(l->neighbour->cs->fingerprint, g->peer.raw->id, 32) == 0);
}

static void drain(struct world_node *n)
{
	struct got *got;

	while ((got = world_got(n)) != NULL)
		free(got);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct game g = begin();
	struct rd r = rd_over(data, size);

	g.peer.node->group->limits.budget = 1; // workers may keep its objects
	for (int i = 0; i < 200 && rd_left(&r) > 0; i++) {
		deed(&g, &r);
		world_run(g.peer.w, 30 * MS);
		drain(g.stranger);
		drain(g.peer.raw);
		check_slices(g.peer.node->group->objects);
	}
	world_run(g.peer.w, 60 * S);
	check(&g);
	world_destroy(g.peer.w);
	return 0;
}
