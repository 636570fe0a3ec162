// What the files of this room share. Not for other rooms.
#pragma once

#include "control/outbox.h"
#include "control/startup/directory.h"
#include "control/startup/key_list.h"
#include "control/startup/opening.h"
#include "control/startup/startup.h"
#include "control/startup/token_bucket.h"
#include "crypto/identity.h"
#include "crypto/random.h"
#include "dataplane/wire/chunk.h"

#define SECOND_US UINT64_C(1000000)

#define COOKIE_PERIOD_US (120 * SECOND_US) // the secret changes; the former stays good as long
// An answered initiator shows that it has the keys by its first packet, which comes within a round
// trip.
#define PROOF_LIMIT_US (30 * SECOND_US)

// So often it is told our RIKeying again, after 0.3, 2.1, 5.4, 10.2, 16.5, 24.3 s; then it is
// forgotten.
#define UNPROVEN_ANSWERS 6

struct unproven_list {
	uint32_t head, tail; // places in the directory, the next one that is due first
};

// One of our endpoints, ready for use.
struct near_end {
	struct startup_endpoint opts;
	struct certificate certificate; // spans into opts.identity
	const struct keying_policy *policy;
};

// A keying whose address is occupied by a session that has been challenged.
#define NEWCOMERS_MAX        32
#define NEWCOMER_PAYLOAD_MAX 1280
struct newcomer {
	uint32_t occupant_id; // near id of the session that was asked
	uint32_t worker;
	struct msg_addr from;
	uint64_t until_us;
	uint16_t len; // 0: none
	uint8_t payload[NEWCOMER_PAYLOAD_MAX];
};

struct startup {
	// What each turn looks at.
	struct outbox *outbox;
	struct keyer *keyer;
	struct directory *directory;
	struct opening *openings; // openings_max of them
	uint32_t openings_max, n_openings;
	uint32_t openings_end; // from here on none is in use
	uint32_t jobs_max;
	struct key_list jobs_free;
	uint64_t cookie_at_us;
	struct unproven_list unproven[UNPROVEN_ANSWERS + 1]; // by the next step
	// The rest.
	const struct random *rng;
	struct startup_events events;
	struct near_end ends[ENDPOINTS_MAX];
	uint8_t n_ends;
	uint32_t keepalive_us;
	uint32_t sessions_per_ip; // UINT32_MAX: any number
	bool spreads_sessions;

	struct key_job *jobs;                        // jobs_max of them
	struct token_table *keyings, *introductions; // per source
	struct token_rate introductions_per_target;

	struct newcomer newcomers[NEWCOMERS_MAX];
	struct startup_counters counters;
};

static inline struct near_end *near_end_at(struct startup *st, uint8_t endpoint)
{
	return &st->ends[endpoint];
}

static inline struct wire_addr wire_addr_of(const struct msg_addr *m, enum addr_origin origin)
{
	struct wire_addr a = {
		.port = m->port, .family = m->family, .origin = (uint8_t)origin, .local = m->local};

	memcpy(a.ip, m->ip, m->family == 6 ? 16 : 4);
	return a;
}

static inline struct msg_addr msg_addr_of(const struct wire_addr *a, uint8_t endpoint)
{
	struct msg_addr m = {
		.port = a->port, .family = a->family, .endpoint = endpoint, .local = a->local};

	memcpy(m.ip, a->ip, a->family == 6 ? 16 : 4);
	return m;
}

// May one that is at `asker` be sent to `target`? Loopback only means something to who is there
// too.
static inline bool may_point_to(const struct wire_addr *target, const struct wire_addr *asker)
{
	return wire_addr_is_usable(target) &&
	       (!wire_addr_is_loopback(target) || wire_addr_is_loopback(asker));
}

// -- packet.c --
// One whole chunk, as a startup packet. If the worker or the pool cannot take it, it is lost like
// any other packet: whoever waits asks again.
void packet_send(struct startup *, uint32_t worker, uint8_t endpoint, const struct wire_addr *to,
		 uint32_t session_id, struct span chunk);
// The same as an answer to a stranger, told again as often as that many octets cover.
void packet_answer(struct startup *, uint32_t worker, uint8_t endpoint, const struct wire_addr *to,
		   struct span chunk, uint32_t allowance);

// -- jobs.c --
// A blank job for that seat, or NULL: too many wait already.
struct key_job *job_take(struct startup *, enum key_job_kind, const struct seat *, uint64_t now_us);
// Wiped.
void job_give(struct startup *, struct key_job *);
// False: the keyer has no room, the job was given back.
bool job_submit(struct startup *, struct key_job *);
// A job that failed because the far end does not meet our policy is counted under what it lacks.
// False: it failed for another reason.
bool refusal_count(struct startup *, const struct key_job *);
// Takes finished jobs from the keyer to whom they belong.
void jobs_poll(struct startup *, uint64_t now_us);
static inline bool jobs_are_out(const struct startup *st)
{
	return st->jobs_free.n < st->jobs_max;
}

// -- life.c: a seat from keying to SESSION_CLOSED --
// A round trip as measured, or, if that is not known, how long it takes at most. 0: unknown.
struct known_rtt {
	uint32_t us, max_us;
};
// The secrets become the worker's: CTL_OPEN, without an event yet. -ENOBUFS.
int seat_open(struct startup *, struct seat *, const struct session_secrets *, struct known_rtt,
	      uint64_t now_us);
// Ends it now, with a closed event if there was an opened one. The slot is free when the worker
// says so.
// A seat for a session that came in at that worker. NULL: there is none.
static inline struct seat *seat_take(struct startup *st, uint32_t worker)
{
	if (st->spreads_sessions)
		worker = directory_emptiest(st->directory, worker);
	return directory_take(st->directory, worker);
}
void seat_end(struct startup *, struct seat *, enum session_close_how, enum session_close_reason);
// Our id is about to travel.
void seat_reserve(struct startup *, struct seat *);
void life_report(struct startup *, uint32_t worker, const struct report *, uint64_t now_us);

// -- unproven.c: answered, and the far end has not shown its keys --
void unproven_init(struct startup *);
void unproven_add(struct startup *, struct seat *);    // just answered
void unproven_remove(struct startup *, struct seat *); // if it is there
void unproven_due(struct startup *, uint64_t now_us);
uint64_t unproven_deadline_us(const struct startup *);

// -- newcomers.c --
void newcomer_keep(struct startup *, const struct seat *occupant, uint32_t worker,
		   const struct msg_addr *from, struct span payload, uint64_t until_us);
// The session at that seat is gone: whoever waited for its address is answered.
void newcomer_enter(struct startup *, const struct seat *gone, uint64_t now_us);

// -- silence.c: a session's pings are not answered; is its far end another by now? --
// An RHello came to what was asked.
void silence_answered(struct startup *, struct opening *, uint64_t now_us);
// The session is heard again, or gone.
void silence_ends(struct startup *, const struct seat *);

// -- responder.c --
// The session is asked whether it is there; silent for the limit (0: 3 ERTO, at least 1 s), the
// worker closes it.
void seat_challenge(struct startup *, struct seat *, uint32_t limit_us, uint64_t now_us);

// -- ctl_session.c --
// The worker is done with a send flow.
void ctl_flow_freed(struct ctl_session *, uint16_t slot);

// -- opening.c --
struct opening *opening_take(struct startup *, uint8_t endpoint);
// The first in use (after == NULL), or the next one; NULL: no more. Any may be given back
// meanwhile.
struct opening *opening_next(const struct startup *, const struct opening *after);
// Its seat goes, too, unless that became a session. No event.
void opening_give(struct opening *);
// A step begins: the limit counts from here, within the 95 s of the whole.
void opening_limit_anew(struct opening *, uint64_t now_us);
// Since startup_open.
uint64_t opening_age_us(const struct opening *, uint64_t now_us);
// The last word: an event, then it is free.
void opening_fail(struct opening *, enum open_failure, struct ctl_session *existing);
// The opening in that list of candidates whose tag this is; NULL.
struct opening *opening_by_tag(struct startup *, uint8_t endpoint, struct span tag);
// Glare (§3.5.1.3): the opening that wants the endpoint with this certificate, and has this address
// among its destinations or knows the peer by its fingerprint; NULL.
struct opening *opening_by_peer(struct startup *, uint8_t endpoint, const struct wire_addr *,
				const struct certificate *);
// A peer may answer from one of its addresses and call from another: all of them count.
bool opening_has_destination(const struct opening *, const struct wire_addr *);
// The opening that yields to that session; NULL.
struct opening *opening_by_yield(struct startup *, const struct seat *);
// It was no glare after all: the opening that yields to that session, if there is one, goes on.
void opening_resume(struct startup *, const struct seat *);
bool opening_wants(const struct opening *, const struct certificate *);
bool opening_wants_print(const struct opening *, const uint8_t fingerprint[32]);
void opening_candidate_add(struct opening *, const struct wire_addr *, uint64_t now_us);

// -- initiator.c --
void initiator_report(struct startup *, uint32_t worker, const struct report *, uint64_t now_us);
void initiator_job_done(struct startup *, struct seat *, struct key_job *, uint64_t now_us);
// IHellos to all candidates whose time has come.
void initiator_hellos_due(struct startup *, struct opening *, uint64_t now_us);
void initiator_timers(struct startup *, uint64_t now_us);
uint64_t initiator_deadline_us(const struct startup *);

// -- responder.c --
void responder_keying(struct startup *, uint32_t worker, const struct msg_addr *from,
		      struct span payload, uint64_t now_us);
// The RIKeying, once more.
void answer_send(struct startup *, const struct seat *, const struct wire_addr *to);
void responder_job_done(struct startup *, struct seat *, struct key_job *, uint64_t now_us);

// -- introducer.c --
void introducer_hello(struct startup *, uint32_t worker, const struct report *, uint64_t now_us);

// -- fihello.c --
void fihello_report(struct startup *, uint32_t worker, const struct report *, uint64_t now_us);
