// Posting (PO-1 to PO-10; docs/spx.md): what a group's members post reaches each of them once.
// Messages that are held carry ascending numbers; a neighbour's place in what it was offered is a
// number, too.
#pragma once

#include "control/group/octets.h"
#include "control/group/recent_keys.h"
#include "control/group/spx.h"
#include "dataplane/wire/spx_post.h"

#define POST_KNOWERS_MAX 8 // remembered: who offered it

enum post_state {
	POST_ASKED, // for its octets, at knowers[asked]
	POST_HELD,
};

struct post {
	struct id_node key; // the ID's first POST_KEY_LEN octets, then zeros
	enum post_state state;
	uint8_t hop;                        // to be said when it is passed on
	uint64_t came_us, age_ms;           // it was so old then
	uint64_t knowers[POST_KNOWERS_MAX]; // numbers of peers that have it
	uint8_t n_knowers, asked;
	// Asked.
	struct post *next, *prev;
	uint64_t until_us;
	// Held.
	uint64_t number;
	uint8_t id[POST_ID_LEN];
	struct octets *message;
	bool is_taken; // somebody was sent it
};

struct postings {
	struct group *group;
	struct id_table posts;                 // asked and held
	struct post *first_asked, *last_asked; // until_us ascending
	uint32_t n_asked;
	struct post **held; // cap of them, a ring: numbers first .. next - 1
	uint32_t cap;
	uint64_t first, next;
	uint64_t held_bytes;
	struct recent_keys ids; // that were held
	struct recent_keys old_asked;
	struct token_bucket own, all;
	uint8_t password[POST_PASSWORD_MAX]; // ours, or what the first good message brought
	uint8_t password_len;
	uint64_t offers_us; // next look at what neighbours lack; NEVER: nothing
	uint64_t expire_us; // next look at what is too old
	uint64_t n_received;
};

// 0 or -ENOMEM. A group without posting has none.
int postings_create(struct group *);
void postings_destroy(struct group *);
void postings_timers(struct group *);
uint64_t postings_deadline_us(const struct group *);

void postings_peer(struct spx_peer *); // speaks; repeated: nothing
void postings_peer_gone(struct group *, const struct spx_peer *);
// Of LANE_POST_CONTROL and _DATA; of the older members' lanes. The lane may be gone afterwards.
void postings_message(struct spx_lane *, struct span message);
void postings_old_message(struct spx_lane *, struct span message);

// -- among the parts: postings.c, post_hold.c, post_offers.c, postings_old.c --
void post_key_of(const uint8_t id[POST_KEY_LEN], uint8_t key[ID_LEN]);
struct post *post_find(const struct postings *, const uint8_t key[POST_KEY_LEN]);
struct post *post_at(const struct postings *, uint64_t number); // held; first .. next - 1
// Asked or held, or lately.
bool post_is_known(const struct postings *, const uint8_t key[POST_KEY_LEN]);
bool post_is_known_to(const struct post *, const struct spx_peer *);
void post_note_knower(struct post *, const struct spx_peer *);
uint64_t post_age_ms(const struct post *, uint64_t now_us);
bool post_is_stale(const struct postings *, uint8_t hop, uint64_t age_ms);
uint64_t post_keep_ms(const struct postings *);
// May this neighbour bring something new now? Counts.
bool post_may_be_first(struct postings *, struct spx_peer *);
struct post_origin {
	uint8_t hop; // as it came
	uint64_t age_ms;
	const struct spx_peer *from; // NULL: our own program
};
// Takes the message in: it is remembered, held and will be offered. asked: the row that waited for
// it, which becomes it, or NULL. NULL: no memory.
struct post *post_hold(struct postings *, struct post *asked, const uint8_t id[POST_ID_LEN],
		       struct span message, const struct post_origin *);
// What everybody but the poster does besides: tells the program.
void post_deliver(struct postings *, struct post *);
struct post *post_ask_make(struct postings *, const struct post_offer *, const struct spx_peer *);
void post_forget(struct postings *, struct post *); // asked: nobody has it; held: the oldest
void posts_expire(struct postings *);
void posts_clear(struct postings *);
void post_asked_again(struct postings *, struct post *); // its time begins anew
// DATA for one neighbour, or, to an older one, the value. As spx_send.
int post_send(struct spx_peer *, struct post *);
void post_offers_soon(struct postings *);
void post_offers_run(struct postings *);
void post_offers_now(struct postings *, struct post *own); // eager: a small group
