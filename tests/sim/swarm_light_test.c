// The swarm of swarm_test.c with thousands of members: the relay as it is, over modelled flows
// (stream_world.h). A stream of 1 Mbit/s to who has 0.5 Mbit/s upward on the average, half of them
// a quarter and half three quarters, from a super-peer that may send three fifths of what all
// consume. Everything counts as octets of IP packets: the super-peer's bytes, the uplinks,
// acknowledgements, maps and pulls on them, and where the row says so the stream.
//
// All know each other when the stream begins, which is when they come all at once: nobody pushes
// yet, and what is missed then cannot be made up for, since the bytes that there are exceed those
// that are needed by nine in a hundred before anything is acknowledged. What is counted is every
// fragment from the first one published to the last, for every member; in time is what comes within
// the window (8 s) after it was published. Start-up is from then to a member's first fragment.
#include <stdlib.h>

#include "tests/sim/stream_world.h"
#include "tests/support/test.h"

#define SECONDS_AFTER 10
#define AS_PACKETS    900 // each 7.2 ms: 1 Mbit/s
#define AS_MESSAGES   976 // of 900 octets, as in swarm_test.c

struct row {
	const char *name;
	uint32_t n_members, seconds;
	uint32_t super_permille; // of the stream to everybody
	uint32_t told_permille;  // of its uplink, that a member has for its budget; 0: it finds out
	uint32_t packet_octets;
	// What has to be: permille of the fragments inside the window, and of the members that have
	// 995 of a thousand.
	uint32_t inside_permille, good_permille;
	bool is_long; // for ./run soak
};

static const struct row rows[] = {
	{"40 members, messages of 1 Mbit/s", 40, 30, 600, 980, AS_MESSAGES, 995, 990, false},
	{"40 members, the same, uplinks not told", 40, 30, 600, 0, AS_MESSAGES, 995, 950, false},
	{"200 members, packets of 1 Mbit/s", 200, 20, 600, 980, AS_PACKETS, 995, 990, false},
	{"500 members, packets of 1 Mbit/s", 500, 30, 600, 980, AS_PACKETS, 995, 990, true},
	{"5000 members, packets of 1 Mbit/s", 5000, 20, 600, 980, AS_PACKETS, 995, 990, true},
	{"200 members, uplinks not told", 200, 20, 600, 0, AS_PACKETS, 995, 990, false},
	{"5000 members for a minute", 5000, 60, 600, 980, AS_PACKETS, 995, 990, true},
};

#define EVERY_US 7200

static uint64_t two_kinds(uint32_t member, struct random *r)
{
	return member % 2 == 0 ? 250000 : 750000;
}

static int compare_u32(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

struct figures {
	uint64_t n_fragments, n_inside;
	uint32_t n_good, start_p95_ms;
	uint64_t worst_second, worst_fragments, worst_inside; // of those published in it
	uint64_t received, pushed, pulled, twice;             // fragments, of all members
	uint64_t up_octets, data_octets, control_octets;
	uint64_t super_octets, super_may, source_octets;
};

static void count_member(struct figures *f, struct stream_world *w, uint32_t i, uint64_t published)
{
	const struct stream_node *n = &w->nodes[i];
	const struct stream_stats *s = &stream_of_node(w, i)->n;

	f->n_inside += n->n_inside;
	f->n_good += n->n_inside * 1000ull >= published * 995;
	f->received += s->fragments_received;
	f->pushed += s->fragments_pushed_from;
	f->pulled += s->fragments_pulled_from;
	f->twice += s->duplicates;
	f->data_octets += n->data_octets;
	f->control_octets += n->control_octets;
	f->up_octets += n->up_bps / 8;
}

static void count_seconds(struct figures *f, struct stream_world *w, const struct row *row)
{
	uint64_t no = 1;

	for (uint32_t s = 0; s < row->seconds; s++) {
		uint64_t n = 0, inside = w->inside_at[s];

		for (;
		     no <= w->n_published && (w->published_ms[no] - w->published_ms[1]) / 1000 == s;
		     no++)
			n += row->n_members;
		if (s > 0 && inside * f->worst_fragments >= f->worst_inside * n)
			continue;
		f->worst_second = s + 1;
		f->worst_fragments = n;
		f->worst_inside = inside;
	}
}

static void count(struct figures *f, struct stream_world *w, const struct row *row,
		  uint32_t begin_ms)
{
	uint32_t *starts = calloc(row->n_members, sizeof(*starts));

	assert_non_null(starts);
	for (uint32_t i = 2; i < w->n_nodes; i++) {
		uint32_t start_ms = w->nodes[i].start_ms;

		count_member(f, w, i, w->n_published);
		starts[i - 2] = start_ms == 0 ? UINT32_MAX : start_ms - begin_ms;
	}
	count_seconds(f, w, row);
	qsort(starts, row->n_members, sizeof(*starts), compare_u32);
	f->start_p95_ms = starts[row->n_members * 95 / 100];
	f->n_fragments = w->n_published * row->n_members;
	f->up_octets *= row->seconds;
	f->super_octets = w->nodes[0].data_octets;
	f->super_may = w->o.super_bytes_per_s * row->seconds;
	f->source_octets = w->nodes[1].data_octets;
	free(starts);
}

static struct figures swarm(const struct row *row, uint64_t seed)
{
	uint64_t n_fragments = row->seconds * 1000000ull / EVERY_US;
	struct stream_world *w = stream_world_create(
		&(struct stream_world_opts){
			.seed = seed,
			.n_members = row->n_members,
			.packet_octets = row->packet_octets,
			.every_us = EVERY_US,
			.window_ms = 8000,
			.margin_ms = 2000,
			.update_ms = 100,
			.fetch_ms = 2500,
			.queue_ms = 500,
			.super_bytes_per_s =
				(uint64_t)row->n_members * 125000 * row->super_permille / 1000,
			.down_bps = 20000000,
			.up_bps = two_kinds,
			.told_permille = row->told_permille,
		},
		n_fragments);
	uint32_t begin_ms = w->now_ms;
	struct figures f = {0};

	for (uint32_t s = 1; s <= row->seconds; s++)
		stream_world_run_ms(w, 1000, true);
	stream_world_run_ms(w, 1000 * SECONDS_AFTER, false);
	count(&f, w, row, begin_ms);
	stream_world_destroy(w);
	return f;
}

static double percent(uint64_t part, uint64_t whole)
{
	return 100.0 * (double)part / (double)whole;
}

static void print_figures(const struct row *row, const struct figures *f)
{
	print_message(
		"%s: %.2f %% inside the window, %u of %u have 99.5 %%, start p95 %u ms, "
		"super-peer's share of all bytes %.0f %%\n",
		row->name, percent(f->n_inside, f->n_fragments), f->n_good, row->n_members,
		f->start_p95_ms,
		percent(f->super_octets, f->super_octets + f->source_octets + f->data_octets));
	print_message(
		"    worst second: no. %lu, %.2f %% inside\n"
		"    pushed %.1f %%, pulled %.1f %%, twice %.1f %%; uplinks: fragments %.1f %%, "
		"all else %.1f %%; super-peer %.1f %% of its bytes\n",
		f->worst_second, percent(f->worst_inside, f->worst_fragments),
		percent(f->pushed, f->received), percent(f->pulled, f->received),
		percent(f->twice, f->received), percent(f->data_octets, f->up_octets),
		percent(f->control_octets, f->up_octets), percent(f->super_octets, f->super_may));
}

static void everybody_who_has_an_uplink_carries(void **state)
{
	const char *seed = getenv("SEED"), *only = getenv("ROW");

	for (uint32_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct row *row = &rows[i];
		struct figures f;

		if (only != NULL ? strtoul(only, NULL, 10) != i
				 : row->is_long && getenv("SIM_SOAK") == NULL)
			continue;
		f = swarm(row, seed != NULL ? strtoull(seed, NULL, 0) : 1);
		print_figures(row, &f);
		assert_true(f.n_inside * 1000 >= f.n_fragments * row->inside_permille);
		assert_true(f.n_good * 1000 >= row->n_members * row->good_permille);
		assert_true(f.start_p95_ms < 2000);
	}
}

// Everything comes from the seed.
static void a_seed_is_one_run(void **state)
{
	static const struct row few = {.name = "few",
				       .n_members = 12,
				       .seconds = 5,
				       .super_permille = 600,
				       .packet_octets = 900};
	struct figures a = swarm(&few, 7), b = swarm(&few, 7), c = swarm(&few, 8);

	assert_memory_equal(&a, &b, sizeof(a));
	assert_memory_not_equal(&a, &c, sizeof(a));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_seed_is_one_run),
		cmocka_unit_test(everybody_who_has_an_uplink_carries),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
