// What a group knows of its members: who, where on the ring, reached how, last heard of when
// (groups.md 4.2, 5, 10.5). Most of it is gossip.
#pragma once

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/group/id_table.h"
#include "control/group/ring_set.h"
#include "dataplane/fetch.h"
#include "dataplane/wire/address.h"
#include "dataplane/wire/group_report.h"

#define MEMBER_ADDRS_MAX 7   // groups.md 4.2; the server's is extra
#define DIED_MAX         256 // remembered; more push out the oldest
#define MEMBER_LIFE_US   (GROUP_REPORT_AGE_MAX_S * UINT64_C(1000000))

struct neighbour;
struct dial;

enum member_source {  // by growing trust
	HEARD_GOSSIP, // somebody's report
	HEARD_SERVER, // an introducer named it, or it joined at ours, or the groupspec lists it
	HEARD_SELF,   // we talked to it
};

#define MEMBER_LINE 64

struct member {
	// A line of what a choice of neighbours looks at, of all members.
	struct ring_node at;
	struct neighbour *neighbour; // NULL: none
	struct dial *dial;           // an attempt that is under way
	uint8_t n_tries;             // attempts that failed since we last heard of it by trust
	uint8_t source;              // the best so far
	bool is_super;
	bool is_lan;        // it was heard on our link
	bool is_introduced; // an introducer has named it once
	bool is_client;     // joined at our introducer, and still there
	bool is_suspect;    // so is its neighbour
	uint8_t n_addrs;
	uint64_t heard_us; // last, by anybody

	// A line of what a report is compared with. Its addresses as we tell them ourselves
	// (struct group_report_told.options): who tells the same has nothing new to say.
	struct id_node key; // peer ID
	uint8_t said_len;   // 0: they are more than fit
	uint8_t said[23];   // a server and two addresses of IPv4

	uint64_t self_us; // last, by ourselves; 0: never
	uint64_t next_try_us;
	uint32_t chosen; // group.choice of the last choice that named it; 0: none did
	struct wire_addr server; // its introducer; family 0: not known
	struct wire_addr addrs[MEMBER_ADDRS_MAX];
	uint64_t addrs_tried_us; // its own addresses were tried then; 0: never
	struct members *table;
	struct member *next_super; // of the table
};
static_assert(offsetof(struct member, key) == MEMBER_LINE, "the first line");
static_assert(offsetof(struct member, self_us) == 2 * MEMBER_LINE, "the second");

struct died {
	uint8_t id[ID_LEN];
	uint64_t until_us; // 0: unused
};

struct members {
	uint8_t self[ID_LEN];
	struct id_table table;
	struct ring_set ring;
	uint32_t max;
	struct member *supers; // super-peers: few, and always wanted
	struct died died[DIED_MAX];
	uint32_t died_next;
	uint64_t died_us;   // nobody is remembered for longer
	uint64_t forgot_us; // when old gossip last made room; 0: never
	uint64_t young_us;  // who was heard of since is young (group_reports.c)
	uint32_t n_changes; // of whom there is, or who is reached: what a choice goes by
	uint32_t n_news;    // those of them that gossip did not bring
};

struct member_news {
	enum member_source source;
	uint64_t heard_us;
	uint64_t now_us;
	const struct wire_addr *addrs; // an ADDR_RELAY among them is the member's server
	uint8_t n_addrs;
	bool is_fresh; // gossip: aged below 10 s, and its teller is alive
};

int members_init(struct members *, const uint8_t self[ID_LEN], uint32_t max, uint64_t seed);
void members_clear(struct members *);
struct member *members_find(const struct members *, const uint8_t peer_id[ID_LEN]);
// Who will be looked at soon: a report names thirty, and most are in no cache.
static inline void member_fetch(const struct member *who)
{
	fetch_line_to_write(who);
	fetch_line(&who->key);
}
// The same of who will be looked for, in two steps with others between them: where he stands, then
// himself.
uint64_t members_place(const struct members *, const uint8_t peer_id[ID_LEN]);
void members_place_fetch(const struct members *, uint64_t place);
struct member *members_find_at(const struct members *, uint64_t place,
			       const uint8_t peer_id[ID_LEN]);
// What a report says of where he is: his server first, then what is public.
void member_addrs(const struct member *, struct group_addrs *);
// Adds or refreshes. NULL: it is ourselves, died lately, or there is no room.
struct member *members_hear(struct members *, const uint8_t peer_id[ID_LEN],
			    const struct member_news *);
// Of who is known at the same addresses, by gossip: younger than before, at the most.
void member_heard_again(struct member *, uint64_t heard_us);
void members_super(struct member *, bool is_super);
// Gone: not taken from gossip for 5 minutes, unless that is fresh (groups.md 11) and 2 s younger.
// It must be nobody's neighbour and not being dialled any more. The member is freed.
void members_died(struct members *, struct member *, uint64_t now_us);
// Forgets who was not heard of for 5 minutes. When the next may be forgotten at the earliest.
uint64_t members_purge(struct members *, uint64_t now_us);

// Who is linked to somebody is told of as there now, and reports come every 10 s.
#define MEMBER_THERE_US UINT64_C(60000000)
static inline bool member_is_there(const struct member *who, uint64_t now_us)
{
	return who->is_client || who->heard_us + MEMBER_THERE_US > now_us;
}

static inline struct member *member_of_ring(struct ring_node *n)
{
	return (struct member *)(void *)n; // at is first
}
