// One opening: our attempt to reach an endpoint, from the first IHello to a session or the end of
// our patience.
#pragma once

#include "control/startup/directory.h"
#include "control/startup/startup.h"
#include "crypto/keying.h"
#include "dataplane/wire/limits.h"

enum opening_state {
	OPENING_FREE,
	OPENING_HELLO,  // S_IHELLO_SENT
	OPENING_KEYING, // an RHello was accepted, the keyer makes our half
	OPENING_SENT,   // S_KEYING_SENT
	OPENING_CHECK,  // an RIKeying came, the keyer combines
};

#define COOKIE_ECHO_MAX 256  // octets of a cookie; old servers send 64, rtmfp-cpp 65 or 66
#define IIKEYING_MAX    2048 // octets of the chunk: cookie, two lengths of 1024, the rest
#define BAD_ANSWERS_MAX 3    // RIKeyings that do not combine
// Beyond a round trip (opening_patience_us):
#define GLARE_PATIENCE_US 5000000  // groups.md 5: then the far end's rule must be another than ours
#define GIVE_IN_US        3000000  // then what is on its way has come
#define CLAIM_US          2000000  // then a session that we answered is not going to prove itself
#define UNANSWERED_US     2000000  // then a keyer that has much to do has had the time for it
#define ROUND_TRIP_MAX_US 10000000 // what took longer was lost on the way

// A destination, on a schedule of its own (§3.5.1.1.1).
struct candidate {
	struct wire_addr addr;
	uint64_t next_us; // the next IHello; UINT64_MAX: it had all of its hellos
	uint32_t n_sent;
};

struct opening {
	struct startup *startup;
	enum opening_state state;
	uint8_t endpoint;
	uint8_t hellos_max;
	uint32_t worker; // sends our IHellos
	void *user;
	uint64_t last_us;  // 95 s, whatever happens (requirement 29)
	uint64_t limit_us; // of each of the two steps
	uint64_t end_us;   // of this step
	uint8_t tag[TAG_LEN];
	uint16_t epd_len;
	uint8_t epd[OPEN_EPD_MAX];
	uint8_t n_candidates;
	struct candidate candidates[REDIRECT_ADDRS_MAX];

	// From the first IHello to the first acceptable RHello: a round trip takes no longer, as
	// far as we know. 0: nobody has answered.
	uint64_t rtt_max_us;

	// Glare: since when we have been dropping IIKeyings of the very peer we open to (0: none
	// came), and the id of the session that answers one of them and will replace this opening
	// (0: none). If ours prevailed and we only give in to it, the far end may meanwhile have
	// given in to ours: unless the session proves itself, the opening goes on at next_us.
	uint64_t glare_since_us;
	uint32_t yields_to;
	bool gives_in;
	bool was_stopped; // by a keying from elsewhere: once must do, whoever that was
	// Needless, since the session it yields to has proved itself; but our keying was made later
	// than that session, so its answer may be on its way and the session overridden there.
	bool lingers;

	// 0, or the id of a session that has fallen silent: no session is wanted, but an RHello
	// (silence.c).
	uint32_t asks_for;

	// From OPENING_KEYING on.
	struct seat *seat;
	uint32_t n_sent, n_cookie_changes, n_bad_answers;
	uint64_t first_sent_us, last_sent_us, next_us;
	uint32_t answer_id; // of the RIKeying being checked
	uint16_t far_cert_len, cookie_len, iikeying_len;
	struct keying keying;
	uint8_t far_cert[CERTIFICATE_LEN_MAX];
	uint8_t cookie[COOKIE_ECHO_MAX];
	uint8_t iikeying[IIKEYING_MAX]; // the whole chunk: every retransmission has the same octets
};

// How long to wait for what a far end sends when it has heard from us: so much, and a round trip.
static inline uint64_t opening_patience_us(const struct opening *o, uint64_t us)
{
	return us + (o->rtt_max_us < ROUND_TRIP_MAX_US ? o->rtt_max_us : ROUND_TRIP_MAX_US);
}

// §3.5.1.1.1: 1.0, 2.5, 4.0 ... between attempts. n_sent: so many went already.
static inline uint64_t attempt_interval_us(uint32_t n_sent)
{
	return 1000u *
	       (HELLO_INTERVAL_FIRST_MS + (uint64_t)(n_sent - 1) * HELLO_INTERVAL_GROWTH_MS);
}
