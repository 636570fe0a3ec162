// Every number the protocols fix or bound: octets, counts and times, each with its unit in the
// name and its place in rtmfp.md (R) or groups.md (G). "ours" marks bounds where they leave the
// choice to us. What an operator may choose is not here but in config/schema.c.
#ifndef ANNULUS_WIRE_LIMITS_H
#define ANNULUS_WIRE_LIMITS_H

#include <stdint.h>

// ---- encodings and packets ----

#define VLU_LEN_MAX               10 // R 1.1: octets we write for 64 bits; reading has no such bound
#define CHUNK_PAYLOAD_MAX         65535 // R 2.3: octets, a 16 bit length
#define DATAGRAM_LEN_MAX          65507 // octets of UDP payload over IPv4
#define PLAIN_PACKET_MAX          1200 // R 17: octets; fits 1280 after IPv6, UDP, id, padding, HMAC 10
#define LEGACY_PACKET_MAX         1192   // R 16.3: octets, the most that librtmfp sends
#define TIMESTAMP_TICK_MS         4      // R 2.3
#define TIMESTAMP_ECHO_MAX_MS     128000 // R 8.1: an older timestamp is not echoed
#define RTT_TICKS_MAX             32767  // R 8.1: more is discarded
#define FRAGMENT_PACKET_MAX       65536  // R 5: octets of a reassembled packet
#define FRAGMENT_REASSEMBLIES_MAX 64     // R 5, ours: at a time
#define FRAGMENT_LIFE_MS          60000  // R 5: while progressing
#define FRAGMENT_PROGRESS_MS      1000   // R 5: a new fragment at least this often
#define FRAGMENT_BURST_BYTES      4380   // R 5: sent to an endpoint per FRAGMENT_BURST_MS
#define FRAGMENT_BURST_PACKETS    4      // R 5
#define FRAGMENT_BURST_MS         200    // R 5

// ---- startup ----

#define TAG_LEN                  16    // R 7.1, 16.3: octets; older peers assume it
#define COOKIE_LEN               64    // R 7.3, 16.3: octets; older peers insist on it
#define COOKIE_LIFE_MIN_MS       95000 // R 7.2: not to expire earlier
#define OPEN_TIMEOUT_MS          95000 // R 7.1: IHello to S_OPEN
#define HELLO_INTERVAL_FIRST_MS  300   // ours: most round trips are over by then
#define HELLO_INTERVAL_GROWTH_MS 1500  // R 7.1: of IHello and IIKeying
#define HELLO_ANSWERS_MAX        3     // ours: an RHello is sent so often, within three times its IHello
#define HELLO_ANSWER_AGAIN_MS    100   // ours: after so long, unless the IIKeying has come
#define REDIRECT_ADDRS_MAX       24    // R 7.1: candidates of one opening
#define COOKIE_CHANGES_MAX       1     // R 7.1: followed per opening

// ---- running session ----

#define MRTO_INITIAL_MS       250    // R 8.1
#define ERTO_INITIAL_MS       3000   // R 8.1
#define ERTO_MIN_MS           250    // R 8.1
#define ERTO_MAX_MS           10000  // R 8.1: cap of the back-off
#define RTO_DELACK_MS         200    // R 8.1: MRTO leaves room for a delayed ack
#define DATA_BURST_PACKETS    6      // R 8.2: data packets between two acks
#define TC_MEMORY_MS          800    // R 11
#define MOBILITY_CHECK_MS     1000   // R 8.4: so often; on short round trips sooner
#define MOBILITY_REPLY_MAX_MS 120000 // R 8.4: an older reply does not count
#define CLOSE_INTERVAL_MS     5000   // R 8.6: Close is repeated
#define NEARCLOSE_MS          90000  // R 8.6
#define FARCLOSE_LINGER_MS    19000  // R 8.6
#define KEEPALIVE_MIN_MS      5000   // R 14.3: what a client lets a server impose

// ---- flows ----

#define METADATA_MAX            512    // R 4.11: octets
#define OPTION_MANDATORY_END    0x2000 // R 4.11: unknown types below reject the flow
#define WINDOW_BLOCK            1024   // R 4.13: octets
#define RWND_INITIAL_BYTES      65536  // R 12: assumed until the first ack
#define NAKS_FOR_LOSS           3      // R 12
#define DELAYED_ACK_MS          200    // R 10.5
#define DELAYED_ACK_PACKETS     2      // R 10.5: data packets until an ack is due
#define ACK_RANGES_MAX          256    // R 17, ours: ranges kept per receive flow
#define BUFFER_PROBE_MIN_MS     1000   // R 9.7
#define BUFFER_PROBE_MAX_MS     60000  // R 9.7
#define FLOW_COMPLETE_LINGER_MS 130000 // R 9.1: of a send flow, before its id is used again
#define RF_COMPLETE_LINGER_MS   120000 // R 10.1: of a receive flow
#define FAULTS_MAX              1000   // R 18.95, ours: chunks that no peer sends, and then the end
#define FAULTS_MS               10000  // within so long

// ---- RTMP messages ----

#define RTMP_PAYLOAD_MAX   16777215 // R 14.2: octets
#define RTMP_STREAM_ID_MAX 16777215 // R 14.2

// ---- groups ----

#define GROUP_ID_LEN             32    // G 2.2: octets
#define PEER_ID_LEN              32    // G 2.2: octets
#define MEMBER_PROOF_LEN         32    // G 4.2: octets
#define STREAM_KEY_LEN           32    // G 6.1: octets
#define GROUPSPEC_TEXT_MAX       4096  // G 3, ours: octets of a join by option 0x10
#define GROUP_REPORT_MAX         20000 // G 4.2: octets of a report
#define GROUP_REPORT_RECORDS_MAX 64    // G 4.2
#define GROUP_REPORT_ADDRS_MAX   8     // G 4.2: addresses kept per member, the server's included
#define GROUP_REPORT_AGE_MAX_S   300   // G 4.2: records of this age or older are ignored
#define GROUP_REPORT_INTERVAL_MS 10000 // G 11
#define GROUP_ASK_CLOSE_MS       90000 // G 4.2: not repeated sooner
#define STREAM_NAME_MAX          255   // G 6.1, ours: octets
#define STREAM_END_LEN_MAX       36    // G 6.1: a 21 with fewer octets after its type ends a stream
#define STREAM_WINDOW_MS         8000  // G 6.1, 11: default
#define STREAM_EXPIRY_MS         300000    // G 6.1: option 04, a constant
#define STREAM_UPDATE_MS         100       // G 6.1, 11: default period of maps
#define STREAM_FETCH_MS          2500      // G 6.1, 11: default
#define STREAM_RELAY_MARGIN_MS   2000      // G 6.2, 11
#define STREAM_IDLE_MS           300000    // G 11: dropped so long after its last fragment
#define FRAGMENTS_MAP_MAX        4096      // G 10.5: octets of bitmap
#define FRAGMENTS_MAP_JUMP_MAX   (1 << 20) // G 10.5: fragments ahead of the newest known
#define STREAM_FRAGMENT_MAX      959       // G 6.2: octets of payload we put into one fragment
#define STREAM_FRAGMENTS_MAX     256       // G 6.2: fragments of one message
#define STREAM_MESSAGE_MAX       (STREAM_FRAGMENTS_MAX * STREAM_FRAGMENT_MAX) // G 6.2: 245504 octets

// ---- SPX/1 (docs/spx.md), all ours ----

#define SPX_VERSION        1
#define LAN_TAG_LEN        8    // octets
#define LAN_MAC_LEN        16   // octets of the HMAC that count
#define LAN_STREAM_LEN     8    // octets of a stream's key
#define LAN_ADDRS_MAX      4    // of a sender, in one message
#define LAN_LEN_MAX        1200 // octets of a datagram
#define LAN_SENDERS_MAX    256  // of a group, whose counters are remembered
#define LAN_QUERY_S        60   // between two queries once there are neighbours
#define POST_ID_LEN        32    // octets: SHA-256 of the message
#define POST_KEY_LEN       16    // octets: how the id begins
#define POST_KEYS_MAX      64    // in one offer, ask or gone
#define POST_LEN_MAX       65536 // octets of a message
#define POST_PASSWORD_MAX  255   // octets
#define POST_HOPS_MAX      64    // a message that came so far goes no further
#define POST_KEY_OLD_LEN   8     // G 7: octets of a key on GR-18
#define ROUTE_LEN_MAX      32768 // octets of a message
#define ROUTE_HOPS_MAX     64    // left to a message on its way to the nearest
#define ROUTE_REQUEST_LEN  8     // octets of a request's id
#define GROUP_ADDRESS_LEN  32    // G 2.2: octets
#define OBJECT_INDEX_MAX   (UINT64_C(1) << 53) // OR-1: the highest index of an object
#define OBJECT_RANGES_MAX  512                 // ranges in one message
#define OBJECT_LEN_MAX     (1023 << 10) // octets of an object: its message fits 1 MiB

#endif
