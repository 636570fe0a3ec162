// Groups whose objects the super-peer keeps and gives when nobody else does (groups[].mirror). If
// object 0 is the root of a file (docs/spx.md), everything below it is verified and nothing else is
// kept; if it is anything else, all objects of the group are, as they come. With groups[].mirror.files
// above 1 there are so many files, each of them a mirror of its own, that share the group's octets: who
// has no room takes the place of the one asked for least recently, or waits. Control thread only; the
// disk is the store's thread's.
#pragma once

#include "config/config.h"
#include "control/bin/daemon/backend.h"
#include "control/node.h"
#include "control/service/file_tree.h"
#include "control/service/store_thread.h"

struct log;

#define MIRROR_STATES(X)                                                                           \
	X(OFF, "off")                                                                              \
	X(LOOKING, "waits for object 0")                                                           \
	X(FILE, "file")                                                                            \
	X(OBJECTS, "objects")                                                                      \
	X(NO_ROOM, "no room")                                                                      \
	X(FULL, "full")                                                                            \
	X(FAILED, "store fails")

enum mirror_state {
#define X(id, text) MIRROR_##id,
	MIRROR_STATES(X)
#undef X
};

// A file of a group, or all objects of it.
struct mirror {
	enum mirror_state state;
	uint32_t number;      // of all
	uint32_t group_number; // of its group in the configuration
	uint32_t file;
	uint64_t base, last; // its indices in the group; in here they begin at 0
	struct mirrors *all;
	struct node_group *group;
	const struct config_group *config;
	struct store_thread *store;
	struct log *log;
	struct file_tree tree; // FILE
	bool has_tree;
	struct ranges have;     // stored
	uint64_t asked_us;      // when somebody began to fetch it, or asked for what was not in memory
	uint64_t retry_us;      // NO_ROOM: not looked for before
	bool is_removing;       // what was stored goes; nothing is taken until then
	bool has_untold;        // that did not fit into our have set
	uint64_t bytes;         // of objects stored
	uint64_t waiting_bytes; // to be stored
	uint64_t n_stored, n_given, given_bytes, n_denied, n_false, n_full, n_errors, n_removed;
	struct object_gauge workers; // of file 0: the group's, theirs together, as of the last look
};

struct mirrors {
	struct mirror *all; // n, as in the configuration; of each group its files, in order
	uint32_t n;
	uint32_t *first; // of each group's; and n
	uint32_t n_groups;
	struct store_thread *store; // NULL: nothing is mirrored
	uint64_t look_us;           // at the workers, not before
};

// Opens the store if any group wants it, and goes on with what is there. groups: joined. 0 or
// -errno and why.
int mirrors_init(struct mirrors *, const struct config *, struct node_group *const *groups,
		 struct log *, char *why, uint32_t why_max, uint64_t now_us);
void mirrors_fini(struct mirrors *);
int mirrors_fd(const struct mirrors *); // readable: mirrors_poll; -1: never
void mirrors_poll(struct mirrors *, uint64_t now_us);
// What the workers gave by themselves, once a second.
void mirrors_look(struct mirrors *, struct backend *, uint32_t n_workers, uint64_t now_us);
// NODE_FETCH_RESULT and NODE_OBJECT_REQUEST of the group with that number.
void mirrors_event(struct mirrors *, uint32_t number, const struct node_event *, uint64_t now_us);
const char *mirror_state_name(enum mirror_state);
