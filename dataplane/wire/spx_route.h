// Directed routing between members that speak SPX/1 (docs/spx.md), GR-61: a message for one hop,
// one that finds its own way to the nearest, and what a member covers.
#ifndef ANNULUS_WIRE_SPX_ROUTE_H
#define ANNULUS_WIRE_SPX_ROUTE_H

#include "dataplane/wire/spx_post.h"

enum route_mode {
	ROUTE_NEAREST,
	ROUTE_NEXT_INCREASING,
	ROUTE_NEXT_DECREASING,
	ROUTE_ALL_NEIGHBOURS,
	ROUTE_MODES,
};

struct route_msg {
	uint8_t mode; // enum route_mode
	uint8_t target[GROUP_ADDRESS_LEN];
	struct span message;
};

// -EBADMSG also for unknown modes, and messages that are empty or beyond ROUTE_LEN_MAX.
int route_read(struct route_msg *, struct span msg);
#define ROUTE_HEAD_LEN (2 + 2 + GROUP_ADDRESS_LEN)
void route_write_head(struct wr *, const struct route_msg *);
int route_write(struct wr *, const struct route_msg *);

// Where the receiver of a ROUTE_FAR stands; the same fields in each.
enum route_way {
	ROUTE_NEARER, // nearer to the target than the sender
	ROUTE_ASIDE,  // no nearer, but it may know somebody who is
	ROUTE_BACK,   // it sent the message aside, and there is nobody
	ROUTE_WAYS,
};

struct route_far {
	enum route_way way;
	uint8_t hops_left, hops; // hops: taken so far
	uint8_t request[ROUTE_REQUEST_LEN];
	uint8_t target[GROUP_ADDRESS_LEN], origin[GROUP_ADDRESS_LEN];
	struct span message;
};

// ROUTE_FAR, ROUTE_ASIDE and ROUTE_BACK. -EBADMSG also with more than ROUTE_HOPS_MAX hops left.
int route_far_read(struct route_far *, struct span msg);
#define ROUTE_FAR_HEAD_LEN (2 + 2 + ROUTE_REQUEST_LEN + 2 * GROUP_ADDRESS_LEN)
void route_far_write_head(struct wr *, const struct route_far *);
int route_far_write(struct wr *, const struct route_far *);

struct route_coverage {
	bool is_nearest;                                        // else from and to are its address
	uint8_t from[GROUP_ADDRESS_LEN], to[GROUP_ADDRESS_LEN]; // upward, both included
};

int route_coverage_read(struct route_coverage *, struct span msg);
int route_coverage_write(struct wr *, const struct route_coverage *);

#endif
