// The world from inside: what its files share.
#pragma once

#include "tests/unit/control/group/world.h"

enum deed_kind {
	DEED_FLOW_OPENED,
	DEED_MESSAGE,
	DEED_FINISHED,
	DEED_EXCEPTION,
	DEED_FRAGMENT,
	DEED_CLOSED,
	DEED_OPEN_DONE,
	DEED_OPEN_LIMIT,
};

// Something that happens later.
struct deed {
	uint64_t at_us, order;
	enum deed_kind kind;
	struct end *end; // that it happens to
	uint16_t slot;
	uint64_t number;
	uint8_t reason;
	struct got *got;
	struct opening *opening;
};

// The fake's own; the real one belongs to startup.
struct world_opening {
	struct world_node *node;
	uint8_t wanted[PEER_ID_LEN];
	void *user;
	bool is_used;
	bool is_travelling; // an IHello has found its way
};

struct world {
	struct world_opts o;
	uint64_t now_us, order;
	struct random_state seed;
	struct random random;
	struct world_node *nodes[WORLD_NODES_MAX];
	uint32_t n_nodes;
	struct deed *deeds; // a heap
	uint32_t n_deeds, deeds_cap;
	struct world_opening openings[1024];
	uint32_t next_session;
};

// -- world.c: time and deeds --
void later(struct world *, uint64_t after_us, struct deed);

// -- world_sessions.c: sessions and startup's front door --
struct end *session_make(struct world_node *a, uint8_t a_endpoint, struct world_node *b,
			 uint8_t b_endpoint);
void end_closed(struct end *, uint8_t reason);
void opening_done(struct world *, struct opening *);
void opening_limit(struct world *, struct opening *);

// -- world_worker.c: flows and streams --
struct report report_for(const struct end *, enum report_op, uint16_t slot);
void flow_opened(struct end *, uint16_t slot);
void message_arrived(struct end *, uint16_t slot, struct got *);
// One step: a message or the end goes up. False: nothing to do.
bool flow_advance(struct end *, uint16_t slot);
void held_free(struct end *, uint16_t slot);
void fragment_arrive(struct end *, uint16_t stream, uint64_t number);
bool commands(struct world_node *); // any?
void body_home(struct world_node *, struct body *);
