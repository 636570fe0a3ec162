// Time is counted from the first IHello and as if packets took none: what answers what is the same
// as long as a one-way trip is shorter than every interval of the schedule. The round trips are
// added at the end.
//
// A state is how many packets each line is still to lose; a struct chance holds the probability of
// each, and a packet that crosses a line divides it in two.
#include "tests/sim/handshake_model.h"

#include <assert.h>

#include "dataplane/wire/limits.h"

#define BURST_MAX  4
#define PROOF_MS   30000 // who is answered and does not show its keys is forgotten
#define N_ANSWERS  6     // RIKeyings that come by themselves until then
#define ROUNDTRIPS 2     // IHello to RHello, IIKeying to RIKeying

enum { UP, DOWN };

struct chance {
	double of[BURST_MAX][BURST_MAX]; // packets to be lost: up, down
};

struct model {
	uint32_t burst, limit_ms;
	double begins; // the chance that a packet begins a burst
};

// The n-th attempt of a schedule, from 0: after 0, 0.3, 2.1, 5.4 ... s.
static uint32_t attempt_ms(uint32_t n)
{
	return n == 0 ? 0
		      : n * HELLO_INTERVAL_FIRST_MS + n * (n - 1) / 2 * HELLO_INTERVAL_GROWTH_MS;
}

static double sum(const struct chance *c)
{
	double all = 0;

	for (uint32_t u = 0; u < BURST_MAX; u++)
		for (uint32_t d = 0; d < BURST_MAX; d++)
			all += c->of[u][d];
	return all;
}

static void add(struct chance *to, const struct chance *c)
{
	for (uint32_t u = 0; u < BURST_MAX; u++)
		for (uint32_t d = 0; d < BURST_MAX; d++)
			to->of[u][d] += c->of[u][d];
}

// A packet enters a line: what remains of *c is where it was lost, what comes back where not.
static struct chance cross(const struct model *m, int line, struct chance *c)
{
	struct chance through = {0}, lost = {0};

	for (uint32_t u = 0; u < BURST_MAX; u++) {
		for (uint32_t d = 0; d < BURST_MAX; d++) {
			double p = c->of[u][d];
			uint32_t left = line == UP ? u : d,
				 then = left > 0 ? left - 1 : m->burst - 1;
			double lose = left > 0 ? 1 : m->begins;

			through.of[u][d] += p * (1 - lose);
			lost.of[line == UP ? then : u][line == UP ? d : then] += p * lose;
		}
	}
	*c = lost;
	return through;
}

// A packet that changes nothing, whether it arrives or not, but for the line.
static void waste(const struct model *m, int line, struct chance *c)
{
	struct chance through = cross(m, line, c);

	add(c, &through);
}

static double keying(const struct model *m, uint32_t from_ms, uint32_t n, uint32_t n_hellos,
		     struct chance c);

// The n-th IIKeying of those that began then was the first to arrive.
static double answered(const struct model *m, uint32_t from_ms, uint32_t n, struct chance c)
{
	uint32_t at_ms = from_ms + attempt_ms(n), end_ms = at_ms + PROOF_MS, n_told = 1;
	struct chance through = cross(m, DOWN, &c);
	double open = sum(&through);

	for (n++;;) {
		uint32_t asks_ms = from_ms + attempt_ms(n);
		uint32_t tells_ms = n_told <= N_ANSWERS ? at_ms + attempt_ms(n_told) : UINT32_MAX;
		struct chance unasked = {0};

		if (end_ms < asks_ms && end_ms < tells_ms) {
			waste(m, DOWN, &c); // its Close Ack
			return open + keying(m, from_ms, n, 0, c);
		}
		if ((asks_ms < tells_ms ? asks_ms : tells_ms) > m->limit_ms)
			return open;
		if (tells_ms <= asks_ms) {
			n_told++;
		} else {
			n++;
			through = cross(m, UP, &c); // what was lost here is not answered
			unasked = c;
			c = through;
		}
		through = cross(m, DOWN, &c);
		open += sum(&through);
		add(&c, &unasked);
	}
}

// IIKeyings from the n-th on, since from_ms; so many RHellos are still on their way until one
// arrives.
static double keying(const struct model *m, uint32_t from_ms, uint32_t n, uint32_t n_hellos,
		     struct chance c)
{
	double open = 0;

	for (; from_ms + attempt_ms(n) <= m->limit_ms; n++) {
		struct chance through = cross(m, UP, &c);

		open += answered(m, from_ms, n, through);
		for (; n_hellos > 0; n_hellos--)
			waste(m, DOWN, &c);
	}
	return open;
}

double handshake_model_permille(const struct handshake_model *h, uint32_t limit_ms)
{
	double burst = h->burst > 1 ? h->burst : 1, loss = h->loss_permille;
	struct model m = {.burst = (uint32_t)burst,
			  .limit_ms = limit_ms - ROUNDTRIPS * h->round_trip_ms,
			  .begins = loss / (loss + burst * (1000 - loss))};
	struct chance c = {.of = {{1}}};
	double open = 0;

	assert(m.burst <= BURST_MAX);
	for (uint32_t n = 0; attempt_ms(n) <= m.limit_ms; n++) {
		struct chance asked = cross(&m, UP, &c);

		for (uint32_t k = 0; k < HELLO_ANSWERS_MAX; k++) {
			struct chance through = cross(&m, DOWN, &asked);

			open += keying(&m, attempt_ms(n) + k * HELLO_ANSWER_AGAIN_MS, 0,
				       HELLO_ANSWERS_MAX - 1 - k, through);
		}
		add(&c, &asked);
	}
	return 1000 * open;
}
