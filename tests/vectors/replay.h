// A recording against an engine of ours that stands in for one of its endpoints: it gets every
// packet that the endpoint got, when the endpoint got it, under the recorded keys, and must see
// what the endpoint's application saw. Whatever it says is accounted for.
//
// The parts: replay_plan.c has the clock, replay.c the packets, replay_startup.c what travels under
// the default key, replay_rx.c a model of RFC 7016 §3.6.3 to judge what is received and
// acknowledged, replay_tx.c one of §3.6.2 for what is in flight, replay_events.c what applications
// saw.
#ifndef ANNULUS_TESTS_REPLAY_H
#define ANNULUS_TESTS_REPLAY_H

#include "dataplane/core/flow_pools.h"
#include "dataplane/core/sent_ring.h"
#include "dataplane/core/timer.h"
#include "tests/support/far_end.h"
#include "tests/support/recording.h"
#include "tests/support/test.h"

// Timestamps of all recordings count 4 ms ticks from their time 0. So do ours if we begin at a
// multiple of all they can count, and then the recorded echoes measure the true round trip.
#define REPLAY_START_US (65536ull * 4000)
// Engines' alarms are rounded up to ticks of their wheel.
#define REPLAY_ALARM_US (TIMER_TICK_MS * 1000)
// A delayed ack, which must not be late, has its alarm a tick early and in whole ms.
#define REPLAY_EARLY_US (REPLAY_ALARM_US + 1000)

struct replay_row {
	const char *name;
	uint32_t delay_us; // one way
	// A frame that took longer than the others.
	struct {
		uint32_t frame, by_us;
	} late;
	// Metadata, in hex, of flows that the application did not take.
	const char *refuses;
	// Flows wait with so much buffer until "resume delivery"; 0: they do not wait.
	uint32_t hold_bytes;
	// Of which flow and up to which number the events tell what became of messages; 0: of all.
	struct {
		uint64_t flow_id, up_to;
	} writes;
	bool has_no_events; // that we could compare
	bool moves;         // the far end changes its address
};

// ---- the receiving half of a session, as the RFC has it ----

#define MODEL_FLOWS   8
#define MODEL_NUMBERS 512

struct rx_flow {
	uint64_t id;
	const struct rec_chunk *first;                  // that opened it
	const struct rec_chunk *numbers[MODEL_NUMBERS]; // with data
	bool is_seen[MODEL_NUMBERS];                    // SEQUENCE_SET
	uint64_t cum, final;                            // final 0: not known
	uint64_t taken, told; // nothing below is in the buffer; no message below is news to control
	uint64_t last_told;   // last number of the last message
	uint32_t capacity;
	uint32_t blocks_told; // window of our last ack; UINT32_MAX: none yet
	uint16_t slot;        // the engine's
	bool is_open;         // FLOW_OPENED was reported
	bool is_held, is_rejected, is_finished;
	bool has_told_exception, wants_ack;
};

struct rx_model {
	struct rx_flow flows[MODEL_FLOWS];
	uint32_t n;
	bool is_now;           // ACK_NOW
	uint32_t n_data;       // RX_DATA_PACKETS
	uint64_t delack_at_us; // 0: no alarm
	uint32_t n_acks;       // written at this moment
};

// ---- the sending half ----

enum tx_fate { TX_NEVER, TX_FLYING, TX_LOST, TX_DONE };

struct tx_number {
	enum tx_fate fate;
	uint64_t tsn;
	uint32_t bytes, naks;
	uint8_t fra;
	bool is_abandoned, is_delivered; // of the first one of a message
};

struct tx_flow {
	uint64_t id;
	uint32_t idx; // the engine's
	struct tx_number numbers[MODEL_NUMBERS];
	uint64_t last;                                  // number
	bool is_closed, is_excepted, is_told, is_freed; // is_told: of the exception
	const struct rec_chunk *final_due;              // shall end it
	uint8_t final[32];                              // what ended it, as our engine wrote it
	size_t final_len;
};

struct tx_model {
	struct tx_flow flows[MODEL_FLOWS];
	uint32_t n;
	uint64_t tsn_next, tsn_acked;
};

// ---- a session of ours ----

enum replay_state { REPLAY_UNKNOWN, REPLAY_RESERVED, REPLAY_OPEN, REPLAY_CLOSING, REPLAY_CLOSED };

#define EARLY_FRAMES_MAX 4

struct replay_session {
	const struct rec_session *rec; // NULL: not ours
	uint32_t end;                  // 0: we are its initiator
	uint32_t slot, id;
	enum replay_state state;
	const struct rec_frame *early[EARLY_FRAMES_MAX]; // came before their keys
	uint32_t n_early;
	struct rx_model rx;
	struct tx_model tx;
	// What our engine has to say at this moment.
	uint32_t closes_due, close_acks_due;
	struct span reply_due; // to a ping
	bool is_reply_due;
};

// ---- a replay ----

struct replay_line {
	uint64_t at_us; // from the recording's time 0
	char text[160];
};

#define REPLAY_LINES_MAX   256
#define REPLAY_COOKIES_MAX 8

struct replay {
	const struct replay_row *row;
	const struct recording *rec;
	uint32_t endpoint;             // that our engine is
	struct loop *loop;             // with one node
	const struct rec_frame *frame; // that this is about
	struct replay_session sessions[REC_SESSIONS_MAX];
	// The startup report that the frame must bring about.
	enum report_op awaited; // REP_NONE: none
	struct span awaited_payload;
	uint8_t awaited_octets[LOOP_DATAGRAM_MAX];
	uint8_t awaited_answer; // or the chunk we must answer with; 0: none
	struct {
		struct span theirs; // as recorded
		uint8_t ours[COOKIE_LEN];
	} cookies[REPLAY_COOKIES_MAX];
	uint32_t n_cookies;
	uint32_t n_unknown_chunks; // that our engine must have counted
	uint32_t n_strays;         // packets to sessions that are gone
	struct replay_line seen[REPLAY_LINES_MAX];
	uint32_t n_seen;
};

// Ends the test with scenario, endpoint, frame, time and what differed.
void replay_fail(const struct replay *, const char *format, ...)
	__attribute__((noreturn, format(printf, 2, 3)));
#define replay_check(r, condition, ...)                                                            \
	do {                                                                                       \
		if (!(condition))                                                                  \
			replay_fail((r), __VA_ARGS__);                                             \
	} while (0)

static inline struct loop_node *replay_node(const struct replay *r)
{
	return &r->loop->nodes[0];
}

static inline struct engine *replay_engine(const struct replay *r)
{
	return replay_node(r)->engine;
}

static inline uint64_t replay_now_us(const struct replay *r)
{
	return r->loop->now_us - REPLAY_START_US;
}

// -- replay.c --
// Returns how many packets arrived.
uint32_t replay_run(const struct replay_row *, const struct recording *, uint32_t endpoint);
// A command of the session, run at once. The body travels with it.
void replay_command(struct replay *, struct replay_session *, struct command);
// The session has its keys now.
void replay_open(struct replay *, struct replay_session *);

// -- replay_plan.c --
// Those of one moment come in this order.
enum replay_step_kind { STEP_ARRIVES, STEP_LEAVES, STEP_ARRIVES_AFTER, STEP_RESUMES };

struct replay_step {
	uint64_t at_us; // from the recording's time 0
	enum replay_step_kind kind;
	const struct rec_frame *frame;
};

// What happens at our endpoint, in order: at most a step for each frame and one more. Returns how
// many.
uint32_t plan_steps(const struct replay *, struct replay_step *);

// -- replay_startup.c --
// A packet under the default key arrives: what goes into the engine instead of it, in out.
struct span startup_arrives(struct replay *, const struct rec_frame *,
			    uint8_t out[LOOP_DATAGRAM_MAX]);
// We sent one in the recording.
void startup_sent(struct replay *, const struct rec_frame *);
// Our engine sent one.
void startup_said(struct replay *, const struct loop_datagram *);
void startup_reported(struct replay *, const struct report *, struct span payload);
void startup_await_fihello(struct replay *, struct span payload);
void startup_settled(struct replay *);

// -- replay_rx.c --
void rx_frame(struct replay *, struct replay_session *, const struct rec_frame *);
void rx_opened(struct replay *, struct replay_session *, const struct report *);
void rx_message(struct replay *, struct replay_session *, const struct report *);
void rx_finished(struct replay *, struct replay_session *, const struct report *);
// Control takes the flow, or rejects it.
void rx_take(struct replay *, struct replay_session *, struct rx_flow *, enum flow_class,
	     uint32_t capacity);
void rx_reject(struct replay *, struct replay_session *, struct rx_flow *, uint64_t code);
struct rx_flow *rx_find(struct replay_session *, uint64_t flow_id);
// Our engine wrote an ack. is_alone: its packet holds nothing else; has_exception: right before it.
void rx_acked(struct replay *, struct replay_session *, const struct ack *, bool has_exception,
	      bool is_alone, uint64_t at_us);
// Everything that this moment asks for has been said.
void rx_settled(struct replay *, struct replay_session *);
// Time went on without a packet.
void rx_waited(struct replay *, struct replay_session *);

// -- replay_tx.c --
// In the recording we sent this; so now it is in flight.
void tx_sent(struct replay *, struct replay_session *, const struct rec_frame *);
// Acks came and were looked at by the engine, too.
void tx_frame(struct replay *, struct replay_session *, const struct rec_frame *);
// Our engine sent user data by itself: the end of a flow.
void tx_said(struct replay *, struct replay_session *, const struct user_data *, struct span whole);
void tx_excepted(struct replay *, struct replay_session *, const struct report *);
void tx_freed(struct replay *, struct replay_session *, const struct report *);
void tx_settled(struct replay *, struct replay_session *);
// The session has left S_OPEN.
void tx_ended(struct replay *, struct replay_session *);

// -- replay_events.c --
void event_seen(struct replay *, const char *format, ...) __attribute__((format(printf, 2, 3)));
// Applications see the end of a session at every flow that is not over.
void events_of_end(struct replay *, struct replay_session *);
// When the application resumes delivery; UINT64_MAX: never.
uint64_t event_resume_us(const struct replay *);
void events_compare(struct replay *);

#endif
