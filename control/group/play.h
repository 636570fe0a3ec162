// Plays and publications: the program's ends of streams.
#pragma once

#include "control/group/streams.h"

struct group_play {
	struct group *group;
	struct group_play *next; // of the group
	void *user;
	char name[STREAM_NAME_MAX + 1];
	struct gstream *stream; // the instance that is followed; NULL: none
	struct player *player;  // of it; kept until another instance is followed
	bool has_shown;         // an instance was started already: the next one is a reset
	bool is_reset_due;      // PLAY_RESET comes before PLAY_START
	bool is_paused;
	struct group_stream_params own; // of the instance followed, or of the first one
};

struct group_publication {
	struct group *group;
	struct group_publication *next; // of the group
	void *user;
	struct gstream *stream; // NULL: dropped
	struct publisher *publisher;
	uint32_t margin_ms;
	bool is_ending;                // the program has asked for the end
	bool has_ended;                // and it was said
	bool is_done;                  // and everybody has it, or had the time
	uint64_t ended_us, look_us;    // when it was said; next look whether all is delivered
	struct group_stream_info last; // once the stream is gone
};

// Shall the workers report its fragments?
bool play_wants(const struct gstream *);
void plays_stream_new(struct gstream *);
void plays_stream_end(struct gstream *);
void plays_stream_gone(struct gstream *);
void plays_fragment(struct gstream *, struct span message);
void plays_gone(struct gstream *, uint64_t below);
// What happened in a play of the group; false: nothing.
bool plays_event(struct group *, struct group_event *);
uint64_t plays_deadline_us(const struct group *);
void plays_free(struct group *);

void publication_stream_gone(struct group_publication *); // may be NULL
void publications_timers(struct group *);
uint64_t publications_deadline_us(const struct group *);
void publications_free(struct group *);
