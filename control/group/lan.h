// Members of a group on one link find each other by IP multicast, with an introducer or without
// (docs/spx.md; netgroup-semantics 10): what is said there, when, and what of it is believed.
#pragma once

#include "control/group/streams.h"
#include "crypto/sha.h"
#include "dataplane/wire/lan.h"

// Who has spoken there.
struct lan_sender {
	uint8_t id[PEER_ID_LEN];
	uint64_t highest,
		seen;      // counter, and those of the 64 below it that came: bit i: highest - i
	bool is_fresh;     // has answered a nonce of ours, so nobody plays back its past
	uint64_t heard_us; // 0: this row is free
};

struct lan {
	struct group *group;
	struct hmac_keys keys;
	uint8_t tag[LAN_TAG_LEN];
	uint64_t counter;               // of our next message
	uint64_t asked_us;              // our last query
	uint64_t nonce, nonce_us;       // what it said, and since when
	uint64_t query_us, announce_us; // next; NEVER: not
	uint32_t n_queries;
	uint64_t answer_us, answer_nonce; // NEVER: nobody waits
	uint32_t n_answers;               // of others to the same query
	struct token_bucket messages, fragments, answers;
	bool is_member;      // member updates: who is there is asked and told
	uint64_t streams_us; // next time that our streams are named; NEVER: there are none
	struct lan_sender senders[LAN_SENDERS_MAX];
};

// The groupspec has member updates and a place for them, and nobody has forbidden it.
bool lan_is_wanted(const struct group *);
// To every place that the groupspec names. False: some of it found no room.
bool lan_say(struct lan *, struct lan_msg *, uint8_t ttl);

// -- lan_stream.c: streams by IP multicast --
bool lan_sends(const struct group *); // ours leave by it, too
void lan_fragment_out(struct gstream *, struct span message);
void lan_end_out(struct gstream *);
void lan_streams_name(struct lan *); // those that are sent, so that whoever is new knows them
void lan_stream_in(struct lan *, const struct lan_msg *); // STREAM, FRAGMENT, END that is believed

void lan_rates(struct groups *);
int lan_create(struct group *); // g->lan stays NULL if it is not wanted. 0 or -ENOMEM
void lan_destroy(struct group *);
void lan_timers(struct group *);
uint64_t lan_deadline_us(const struct group *);
