// A recorded scenario: tests/vectors/rtmfp/NAME.pcap with what NAME.json says of it. Every packet
// is opened here with the recorded keys; its chunks stand beside what the recording's own decoder
// found in them, and must agree with it. What cannot be read is a broken test: it says so and
// aborts.
#ifndef ANNULUS_TESTS_RECORDING_H
#define ANNULUS_TESTS_RECORDING_H

#include "dataplane/messages.h"
#include "dataplane/wire/chunk.h"

#define REC_ENDPOINTS_MAX 4
#define REC_SESSIONS_MAX  4
#define REC_RANGES_MAX    8
#define REC_NONE          UINT32_MAX
#define REC_CHUNK_ECN     0xec // an extension that we do not know (rtmfp.md 16.1)

struct rec_endpoint {
	const char *name;
	bool has_address, has_certificate;
	struct msg_addr address;
	struct span certificate, fingerprint;
};

// [0] is of the initiator, [1] of the responder.
struct rec_session {
	uint32_t endpoint[2];
	struct msg_addr address[2]; // as the other end saw it at keying
	uint32_t id[2];             // used toward that end
	struct span nonce[2];       // near nonce
	struct span skic, skrc;
	struct session_seed seed[2];
};

// A chunk as it was sent, and in numbers as the recording tells them.
struct rec_chunk {
	uint8_t type;
	struct span whole, payload; // with and without the chunk's header
	// user data
	uint64_t flow_id, seq, fsn; // flow_id: also of acks, exceptions and probes
	uint8_t flags;              // USER_DATA_*
	struct span body;
	bool has_assoc;
	struct span metadata; // with USER_DATA_OPTIONS
	uint64_t assoc_id;
	// acks
	uint64_t window_blocks, cum;
	struct seq_range ranges[REC_RANGES_MAX];
	uint32_t n_ranges;
	uint64_t exception;
};

struct rec_frame {
	uint32_t number;   // from 1
	uint64_t at_us;    // when it was sent; the recording begins at 0
	uint32_t from, to; // endpoints
	struct msg_addr src, dst;
	struct span datagram;
	uint32_t session_id; // that it was sent to
	uint32_t session;    // whose keys it is under; REC_NONE: the default key
	bool is_dropped;     // sent, but never arrived
	struct span plain;   // flags to padding
	struct rec_chunk *chunks;
	uint32_t n_chunks;
};

// What an application saw, in words.
struct rec_event {
	uint64_t at_us;
	const char *endpoint, *what;
};

struct recording {
	const char *name;
	uint32_t n_endpoints, n_sessions, n_frames, n_events;
	struct rec_endpoint endpoints[REC_ENDPOINTS_MAX];
	struct rec_session sessions[REC_SESSIONS_MAX];
	struct rec_frame *frames;
	struct rec_event *events;
	// The recording's own.
	struct json_doc *doc;
	struct pcap *pcap;
	struct crypto *crypto;
};

// The caller frees it.
struct recording *recording_load(const char *name);
void recording_free(struct recording *);

bool msg_addr_equal(const struct msg_addr *, const struct msg_addr *);

#endif
