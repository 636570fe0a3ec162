// Streams of groups (groups.md 6): who announces what, and which neighbours take part. Fragments,
// maps and pulls are the workers'; control says who is linked, when a stream begins and when it is
// over.
#pragma once

#include "control/group/internal.h"
#include "control/group/stream_figures.h"
#include "dataplane/wire/flow_kind.h"
#include "dataplane/wire/group_stream.h"

// A stream by its key. Same name, other key: another instance (MC-6).
struct gstream {
	struct group *group;
	struct gstream *next; // of the group
	char name[STREAM_NAME_MAX + 1];
	struct stream_info info; // the publisher's, as it is repeated; its name lies above
	uint32_t window_ms;
	uint16_t index; // on the workers
	uint32_t home;  // the worker where it enters
	uint16_t push_neighbours;              // the source's own limit
	const struct group_stream_params *own; // a play's, in place of the publisher's; NULL: none
	bool is_published_here;
	bool is_from_multicast;    // somebody sends it by IP multicast, so we do not
	bool has_ended, is_silent; // unpublished either way
	uint64_t end;              // complete below; 0: not known
	uint64_t newest;           // fragment
	uint64_t progress_us;      // when it grew last
	struct stream_link *links;
	uint32_t n_linked;
	struct group_publication *publication; // while the program holds it
	struct stream_figures figures;
};

// A neighbour's part in a stream.
struct stream_link {
	enum flow_ctx ctx;
	struct neighbour *neighbour;
	struct gstream *stream;
	struct stream_link *next_of_stream, *next_of_neighbour;
	int tx;   // our GR-11's slot; -1: none
	int rx;   // theirs; -1: none
	int data; // reserved for our GR-12; -1: none
	uint64_t rx_flow_id, data_flow_id;
	bool is_linked;  // the worker knows
	bool is_refused; // they rejected a flow of ours: left alone for a while
	uint64_t refused_us;
	bool has_end_out;
	uint32_t lag; // fragments they still lack, as of
	uint64_t lag_us;
};

// Their GR-11, before its first message names a stream.
struct stream_rx {
	enum flow_ctx ctx;
	struct neighbour *neighbour;
	struct stream_rx *next; // of the neighbour
	uint64_t flow_id;
	uint16_t rx_slot;
};

// A new stream of the group, announced to every neighbour. info's name is copied. push_neighbours
// 0: it is somebody else's; else ours, and so many are served unasked. 0, -EBADMSG (name or
// parameters make no sense), -ENOBUFS.
int stream_make(struct group *, const struct stream_info *, uint32_t margin_ms, uint32_t home,
		uint16_t push_neighbours, struct gstream **);
void stream_drop(struct gstream *);                    // and everybody's part in it
uint32_t stream_relay_margin_ms(const struct group *); // for streams of others
void stream_own_changed(struct gstream *);             // `own` is another one
struct gstream *stream_find(const struct group *, const char *name,
			    const uint8_t key[STREAM_KEY_LEN]);
// Complete below this number; passed on.
void stream_end(struct gstream *, uint64_t end);
// It has not ended, and something new was seen lately.
bool stream_is_live(const struct gstream *);
// Something new was seen of it.
void stream_progress(struct gstream *, uint64_t newest);

void streams_neighbour_open(struct neighbour *);
void streams_neighbour_gone(struct neighbour *);
void streams_neighbour_is_super(struct neighbour *);

void streams_timers(struct group *); // silence and idleness; at most once a second
