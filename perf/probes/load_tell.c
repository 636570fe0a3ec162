#include "perf/probes/load_tell.h"

#include <stdio.h>

#define BUSY_PERCENT_MAX 80

typedef unsigned long long ull; // printf's

static double percent(uint64_t part, uint64_t of)
{
	return of > 0 ? 100.0 * (double)part / (double)of : 0;
}

static double work_us_per_frame(const struct load_spent *s)
{
	return s->frames > 0 ? (double)s->work_ns / 1e3 / (double)s->frames : 0;
}

static void tell_json(const struct load_result *r)
{
	const struct lights_counters *c = &r->light;

	printf("{\"members\":%u,\"joined_s\":%.1f,\"published\":%llu,\"played\":%llu,"
	       "\"whole\":%llu,\"gaps\":%llu,\"failed\":%llu,\"seconds\":%.1f,",
	       r->n_members, r->joined_s, (ull)r->written, (ull)r->got, (ull)r->whole, (ull)r->gaps,
	       (ull)r->failed, (double)r->stream.wall_ns / 1e9);
	printf("\"rx_frames\":%llu,\"tx_frames\":%llu,\"tx_refused\":%llu,", (ull)r->rx_frames,
	       (ull)r->tx_frames, (ull)r->tx_refused);
	printf("\"light\":{\"members\":%u,\"packets\":%llu,\"fragments\":%llu,\"maps\":%llu,"
	       "\"acks\":%llu,\"handed_over\":%llu,\"bad\":%llu},",
	       r->n_light, (ull)c->packets, (ull)c->fragments, (ull)c->maps, (ull)c->acks,
	       (ull)c->handed, (ull)c->bad);
	printf("\"idle_work_percent\":%.1f,\"work_us_per_frame\":%.2f,\"busy_percent\":%.1f,"
	       "\"cpu_percent\":%.1f}\n",
	       percent(r->idle.work_ns, r->idle.wall_ns), work_us_per_frame(&r->stream),
	       percent(r->stream.busy_ns, r->stream.wall_ns),
	       percent(r->stream.cpu_ns, r->stream.wall_ns));
}

static void tell_text(const struct load_result *r)
{
	double busy = percent(r->stream.busy_ns, r->stream.wall_ns);

	printf("%u members, all joined after %.1f s; of %llu messages they got %llu: %llu members "
	       "all "
	       "of them, %llu gaps, %llu failures\n",
	       r->n_members, r->joined_s, (ull)r->written, (ull)r->got, (ull)r->whole, (ull)r->gaps,
	       (ull)r->failed);
	printf("%u members were light: %llu packets, %llu acks; %llu packets were for their "
	       "engines\n",
	       r->n_light, (ull)r->light.packets, (ull)r->light.acks, (ull)r->light.handed);
	printf("stream of %.1f s; frames %llu in, %llu out, %llu refused; the generator was busy "
	       "%.1f %% "
	       "of that time, %.2f us per frame in, and took %.1f %% of a core; %.1f %% before "
	       "it\n",
	       (double)r->stream.wall_ns / 1e9, (ull)r->rx_frames, (ull)r->tx_frames,
	       (ull)r->tx_refused, busy, work_us_per_frame(&r->stream),
	       percent(r->stream.cpu_ns, r->stream.wall_ns),
	       percent(r->idle.work_ns, r->idle.wall_ns));
	if (busy > BUSY_PERCENT_MAX)
		printf("above %d %% it is the generator that is measured\n", BUSY_PERCENT_MAX);
}

void load_tell(const struct load_result *r, bool wants_json)
{
	if (wants_json)
		tell_json(r);
	else
		tell_text(r);
}
