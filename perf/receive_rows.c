// The receive path: a datagram to a whole message in control's hands (and its body back), one core.
// Its limit is decryption and check (checksum or tag) of the same datagrams.
#include <stdio.h>
#include <stdlib.h>

#include "perf/race.h"
#include "perf/rows.h"

#define TAG     16
#define SENDERS 64

static void *receive_open(const struct bench_row *row, struct ratio *r)
{
	const struct race_opts o = {
		.fars = {.n_streams = SENDERS,
			 .message_fragments = (uint8_t)row->arg[0],
			 .body_len = (uint16_t)row->arg[1],
			 .tag_len = row->arg[2] ? TAG : 0,
			 .has_sseq = row->arg[3] != 0},
		.is_bare = row->arg[4] != 0,
		.turn_max = 128,
		.tx_ring = 256,
		.want = SENDERS,
		.counts_in = true,
		.shows_stages = row->arg[5] != 0,
	};

	return race_open(&o, r);
}

static void receive_batch(void *w, struct ratio *r)
{
	struct race_sums s;

	race_forget(w);
	race_run(w, RACE_BATCH);
	s = race_sums(w);
	ratio_add(r, RATIO_OURS, s.ours, s.packets);
	ratio_add(r, RATIO_LIMIT, s.open, s.packets);
	ratio_add(r, RATIO_LIMIT_2, s.open + s.seal, s.packets);
}

static void receive_close(void *w, struct ratio *r)
{
	race_judge(w, r);
	race_close(w);
}

static void add(struct bench *b, uint16_t len, bool has_hmac, bool has_sseq, uint8_t parts,
		bool is_bare, bool shows_stages)
{
	// What the plain packet spends on its header, and the chunk on its own.
	uint16_t body_len = (uint16_t)(len - 25);
	struct bench_row row = {
		.unit = "datagram",
		.sides = {"worker_turn", "decrypting and checking alone", "and sealing the acks"},
		.arg = {parts, body_len, has_hmac, has_sseq, is_bare, shows_stages},
		.open = receive_open,
		.batch = receive_batch,
		.close = receive_close,
	};

	if (len == 1200 && parts == 1 && !is_bare && has_hmac == has_sseq && !shows_stages)
		row.goals[0] = (struct bench_goal){has_hmac ? "receive path 1200 B, HMAC"
							    : "receive path 1200 B, checksum",
						   NULL, 0.4, 0.6};
	bench_add(b, &row, "receive/%uB/%s%s%s%s%s", len, has_hmac ? "hmac" : "sum",
		  has_sseq ? "+sseq" : "", parts > 1 ? "/4-parts" : "", is_bare ? "/engine" : "",
		  shows_stages ? "/stages" : "");
}

void receive_rows(struct bench *b)
{
	static const uint16_t lens[] = {1200, 200};

	for (unsigned i = 0; i < 2; i++) {
		for (unsigned form = 0; form < 4; form++)
			add(b, lens[i], form & 2, form & 1, 1, false, false);
		for (unsigned form = 0; form < 2; form++) {
			add(b, lens[i], form, form, 1, true, false);
			add(b, lens[i], form, form, 4, false, false);
			add(b, lens[i], form, form, 1, false, true);
		}
	}
}
