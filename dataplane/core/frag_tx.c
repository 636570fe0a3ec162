#include "dataplane/core/frag_tx.h"

#include <assert.h>
#include <string.h>

#include "dataplane/core/clock.h"
#include "dataplane/core/txp.h"
#include "dataplane/wire/limits.h"

#define IP_UDP_LEN 28
// type:1 length:2 flags:1 packet id:2 index:1
#define PIECE_HEAD 7
#define ID_MASK    0x3fff // two octets as a VLU

static size_t packet_room(const struct engine *e)
{
	return packet_form_plain_max((struct packet_form){0}, 0, e->opts.payload_base) -
	       packet_header_len(PACKET_TS);
}

uint32_t frag_tx_n_packets(const struct engine *e, size_t chunk_len)
{
	size_t room = packet_room(e);
	size_t whole =
		packet_header_len(PACKET_TS) + chunk_len; // what is divided has a header, too

	if (chunk_len <= room)
		return 1;
	return (uint32_t)((whole + room - PIECE_HEAD - 1) / (room - PIECE_HEAD));
}

static size_t datagram_octets(size_t chunks_len)
{
	return IP_UDP_LEN + SSID_LEN +
	       packet_form_sealed_len((struct packet_form){0}, 0,
				      packet_header_len(PACKET_TS) + chunks_len);
}

size_t frag_tx_n_octets(const struct engine *e, size_t chunk_len)
{
	uint32_t n = frag_tx_n_packets(e, chunk_len);
	size_t room = packet_room(e), last;

	if (n == 1)
		return datagram_octets(chunk_len);
	last = packet_header_len(PACKET_TS) + chunk_len - (n - 1) * (room - PIECE_HEAD);
	return (n - 1) * datagram_octets(room) + datagram_octets(PIECE_HEAD + last);
}

// Counted since the endpoint last had 200 ms of rest, so no 200 ms see more than the limit.
static bool may_send(struct frag_tx *f, const struct msg_addr *to, uint32_t n_packets,
		     size_t n_octets, uint64_t now_us)
{
	uint32_t at = FRAG_ENDPOINTS_MAX;

	for (uint32_t i = 0; i < FRAG_ENDPOINTS_MAX; i++) {
		bool is_over = f->sent[i].last_us == 0 ||
			       now_us - f->sent[i].last_us >= FRAGMENT_BURST_MS * 1000ull;

		if (!is_over && memcmp(&f->sent[i].to, to, sizeof(*to)) == 0) {
			at = i;
			break;
		}
		if (is_over && at == FRAG_ENDPOINTS_MAX) {
			f->sent[i].n_packets = f->sent[i].n_octets = 0;
			at = i;
		}
	}
	if (at == FRAG_ENDPOINTS_MAX ||
	    f->sent[at].n_packets + n_packets > FRAGMENT_BURST_PACKETS ||
	    f->sent[at].n_octets + n_octets > FRAGMENT_BURST_BYTES)
		return false;
	f->sent[at].to = *to;
	f->sent[at].last_us = now_us;
	f->sent[at].n_packets += n_packets;
	f->sent[at].n_octets += (uint32_t)n_octets;
	return true;
}

static void send_piece(struct engine *e, const struct msg_addr *to, uint32_t id_tx,
		       const struct packet_fragment *f)
{
	struct txp t;
	bool has_buffer = txp_begin_startup(e, &t, to, id_tx);
	int err;

	assert(has_buffer);
	err = packet_fragment_write(&t.w, f);
	assert(err == 0);
	txp_end(e, &t);
}

enum frag_tx_result frag_tx_send(struct engine *e, struct frag_tx *f, const struct msg_addr *to,
				 uint32_t id_tx, struct span chunk)
{
	uint32_t n = frag_tx_n_packets(e, chunk.len);
	size_t n_octets = frag_tx_n_octets(e, chunk.len), room = packet_room(e) - PIECE_HEAD;
	uint8_t packet[FRAGMENT_BURST_BYTES];
	struct wr w = wr_over(packet, sizeof(packet));
	struct packet_header h = {PACKET_TS | MODE_STARTUP, clock_ticks(e->now_us), 0};
	struct packet_fragment piece = {.packet_id = f->next_id & ID_MASK};

	if (n > FRAGMENT_BURST_PACKETS || n_octets > FRAGMENT_BURST_BYTES)
		return FRAG_TX_TOO_LONG;
	if (e->tx->n + n > e->tx->max)
		return FRAG_TX_NO_BUFFER;
	if (!may_send(f, to, n, n_octets, e->now_us))
		return FRAG_TX_TOO_SOON;
	packet_header_write(&w, &h);
	wr_put_span(&w, chunk);
	assert(w.err == 0);
	f->next_id++;
	for (; piece.index < n; piece.index++) {
		size_t at = piece.index * room;

		piece.has_more = piece.index + 1 < n;
		piece.body = span_of(packet + at, piece.has_more ? room : w.len - at);
		send_piece(e, to, id_tx, &piece);
	}
	return FRAG_TX_SENT;
}
