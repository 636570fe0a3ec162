// One node and one engine on kernel sockets, joined by the rings of messages.h, in one thread: what
// annulus-peer is made of, once or a thousand times, and annulusd with `backend: udp`.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control/node.h"
#include "crypto/random.h"
#include "dataplane/core/engine.h"
#include "dataplane/udp/udp_world.h"

struct crypto;
struct identity;
struct member;

// What the members of one thread share.
struct member_shared {
	struct crypto *crypto;
	struct udp_scratch *scratch;
	struct random random;
};
int member_shared_init(struct member_shared *); // 0 or -errno
void member_shared_fini(struct member_shared *);

struct member_opts {
	struct member_shared *shared;  // borrowed
	struct keyer *keyer;           // taken over; NULL: public-key work is done inline
	const struct wire_addr *binds; // one per endpoint
	const struct startup_endpoint *endpoints; // what binds[i] speaks for; identities borrowed
	uint8_t n_endpoints;
	const struct groupspec_place
		*places; // IP multicast addresses to listen at; for this call alone
	uint8_t n_places;
	struct engine_opts engine; // sizes; the borrowed parts are filled in here
	struct node_opts node;     // policy; the borrowed parts and endpoints are filled in here
};

// NULL: why (at least 160 octets) says what failed and where.
struct member *member_create(const struct member_opts *, char *why, uint32_t why_max);
void member_destroy(struct member *);

struct node *member_node(struct member *);
struct engine *member_engine(struct member *);
struct wire_addr member_local(const struct member *, uint8_t endpoint);
int member_fd(const struct member *, uint8_t socket); // as udp_world_fd
int member_wake_fd(const struct member *); // of the keyer, or -1
uint32_t
member_bodies_waiting(const struct member *); // lent to the engine by control: queued or in flight

// The program's own pointer, for callbacks.
void member_set_user(struct member *, void *user);
void *member_user(const struct member *);

// Sockets, engine and node once around. True: there is more to do at once.
bool member_turn(struct member *, uint64_t now_us);
uint64_t member_deadline_us(const struct member *);
