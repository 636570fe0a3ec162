// Flows without the rest of an engine: one session, packets are bare chunks, and what the other
// files of the room would do for them is done plainly here and written down. So a test says which
// chunks come, and sees which leave.
#ifndef ANNULUS_TESTS_FLOW_WORLD_H
#define ANNULUS_TESTS_FLOW_WORLD_H

#include "dataplane/core/flow_pools.h"
#include "tests/support/test.h"

#define NODE_PACKET_MAX   1180 // octets of chunks
#define NODE_PATH_MORE    240
#define NODE_OBJECT_BYTES (256 << 10)
#define NODE_SESSION      1 // index of the one session; 0 stays closed

struct node {
	struct engine e;
	struct session sessions[2];
	struct session_cold cold[2];
	struct body_pool *control; // control's bodies
	uint32_t packet_max;       // of base size
	uint32_t path_more;        // octets that the path carries beyond; at most NODE_PATH_MORE
	bool is_tcr;               // what clock.c would say
	bool is_tc;
	// What path MTU discovery was told.
	struct {
		uint32_t n_wanted, n_big_acked, n_big_lost, n_small_acked, n_doubts;
		uint32_t tsn; // of the last fragment
	} pmtu;
	uint64_t echo_us; // the packets that node_receive gets echo this time; 0: none
	// What the relay was told.
	struct {
		uint32_t n_fragments, n_control, n_lost, n_open_again, n_gone;
		uint32_t lost_flow, gone_flow;
		uint16_t stream;
		uint8_t octets[2048]; // of the last message, as far as they fit
		size_t len;
		bool takes_control; // its answer to relay_on_control
	} relay;
};

// reports: slots of the report ring. Time begins at 1000 s.
struct node *node_create(uint32_t reports);
// All that flows ever took must be back: rings, cells, messages, bodies. Then frees the node.
void node_destroy(struct node *);
static inline struct session *node_session(struct node *n)
{
	return &n->sessions[NODE_SESSION];
}

void node_time(struct node *, uint64_t now_us);
// Alarms that are due by now.
void node_alarms(struct node *);
// When the next one is; UINT64_MAX: none.
uint64_t node_deadline_us(const struct node *);

// The next packet of what is due, at most NODE_PACKET_MAX octets; 0: nothing.
size_t node_packet(struct node *, uint8_t *packet);
void node_receive(struct node *, const uint8_t *packet, size_t len);

// Commands. Flow ids are the slots.
void node_command(struct node *, struct command *); // to its session
void node_flow_open(struct node *, uint16_t slot, const char *metadata, uint8_t prio);
void node_flow_open_as(struct node *, const struct command *open);
void node_send(struct node *, uint16_t slot, const void *data, uint32_t len, uint64_t deadline_us);
void node_flow_close(struct node *, uint16_t slot);
void node_class(struct node *, uint16_t rx_slot, uint64_t flow_id, enum flow_class class,
		uint16_t stream, bool is_network_order);
void node_reject(struct node *, uint16_t rx_slot, uint64_t flow_id, uint32_t code);

// The next report; false: none. Bodies of MESSAGE are the caller's to put; bodies of control that
// came home are put here and counted nowhere else than in their pool.
bool node_report(struct node *, struct report *);
// It must be of that kind.
void node_expect(struct node *, enum report_op op, struct report *);

// A chunk of user data, as the far end would send it.
struct test_data {
	uint64_t flow, seq, fsn_offset;
	uint8_t flags;        // USER_DATA_*; OPTIONS is added where metadata is given
	const char *metadata; // NULL: none
	int64_t assoc;        // -1: none
	const char *body;
};
void node_gets_data(struct node *, const struct test_data *);
// The same, several chunks in one packet.
size_t test_data_write(uint8_t *packet, size_t at, const struct test_data *);
// A range ack that ends the packet. ranges: pairs from, to; the first with from 0 ends them.
void node_gets_ack(struct node *, uint64_t flow, uint64_t blocks, uint64_t cum,
		   const uint64_t (*ranges)[2]);

// Chunks of a packet, for looking at.
struct seen {
	struct {
		uint8_t type;
		struct user_data data; // user data, next user data
		struct ack ack;        // acks
		struct flow_exception exception;
		uint64_t flow_id; // buffer probe
	} chunk[100];
	uint32_t n;
	uint8_t packet[NODE_PACKET_MAX + NODE_PATH_MORE];
	size_t len;
};
// Builds the next packet and takes it apart. Returns the number of chunks.
uint32_t node_say(struct node *, struct seen *);

#endif
