// Path MTU discovery of a session (RFC 7016 §3.5.4.3, by the method of RFC 4821): how large its
// packets may be. Every path begins with the base size, which all paths carry. Once messages are
// cut that larger packets would carry better, probes look for more: a padding and behind it a ping
// (cut short on its way, it would not be answered). A size counts when its very ping comes back.
//
// Whatever the size, no fragment is longer than a packet of base size holds: larger packets carry
// more of them. So when a path turns out to carry less, all that is in flight can be sent again as
// it is, and no datagram ever has to be fragmented by IP, which many translators and every IPv6
// router refuse.
//
// That a path carries less shows in user data alone: a fragment that took its packet above the
// base size is marked (SENT_BIG), one per packet. When PMTU_BLACK_HOLE of them in a row are lost
// and something small that was sent after them arrives, it is back to the base size at once.
//
// A router's "packet too big" (RFC 1191, RFC 8201) only makes that quicker, and is believed of
// nobody who does not see the path (RFC 5927 §7): its quote must hold twelve octets of a datagram
// of ours, which tell the far end's session id, 32 bits that are random; it went to that session's
// address and port, and was larger than the size that is told, and no larger than what we send
// there. What is told only says where to search: a size counts when its ping comes back, and nobody
// can tell a size below the base. So who lies on the path, and could throw our packets away as
// well, costs us the larger packets for ten minutes.
#pragma once

#include "dataplane/core/internal.h"

#define IPV4_UDP_BYTES  28
#define IPV6_UDP_BYTES  48
#define PMTU_BLACK_HOLE 3 // big packets lost in a row

// A new path: it begins with the base size.
void pmtu_path_changed(struct engine *, uint32_t idx);
// The session cuts messages that larger packets would carry better: the search may begin.
void pmtu_wanted(struct engine *, uint32_t idx);
// WANT_PMTU: the probe leaves. False: no buffer for it.
bool pmtu_send(struct engine *, uint32_t idx);
// A ping came back; others' are none of ours.
void pmtu_on_reply(struct engine *, uint32_t idx, struct span message);
void pmtu_on_alarm(struct engine *, uint32_t idx);

// ---- what became of user data; tsn: of the fragment ----

void pmtu_big_acked(struct engine *, uint32_t idx, uint32_t tsn);
void pmtu_big_lost(struct engine *, uint32_t idx, uint32_t tsn);
// Only while HEARD_NO_BIG says that it matters.
void pmtu_small_acked(struct engine *, uint32_t idx, uint32_t tsn);
// The retransmission alarm fired, and big packets are among the lost: what leaves next is small, so
// that something gets through.
void pmtu_doubt(struct engine *, uint32_t idx);

// engine_too_big, within the engine's call.
bool pmtu_too_big(struct engine *, const struct too_big *);
