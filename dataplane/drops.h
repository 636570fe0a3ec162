// Why a packet, chunk or message died: no packet dies without a name.
// Enum, counters, metric names and help all grow from this one list. Append only.
#pragma once

#define DROP_REASONS(X)                                                                            \
	X(NONE, "none", "alive")                                                                   \
	X(SHORT, "short", "datagram too short for a session id and one block")                     \
	X(NO_SESSION, "no_session", "session id unknown to this worker")                           \
	X(AUTH, "auth", "decryption, tag or checksum failed")                                      \
	X(REPLAY, "replay", "session sequence number seen before or too old")                      \
	X(MODE, "mode", "packet mode forbidden here (RFC 7016 §2.2.4)")                            \
	X(OWN_MARK, "own_mark", "packet carries our own mode mark")                                \
	X(TRUNCATED, "truncated", "plain packet shorter than its announced fields")                \
	X(MALFORMED, "malformed", "a chunk did not parse")                                         \
	X(UNKNOWN_CHUNK, "unknown_chunk", "chunk type unknown")                                    \
	X(WRONG_MODE_CHUNK, "wrong_mode_chunk", "chunk illegal in this packet mode or session")    \
	X(COOKIE, "cookie", "IIKeying with a foreign or expired cookie")                           \
	X(HELLO_NOT_US, "hello_not_us", "hello that selects nobody here")                          \
	X(HELLO_RATE, "hello_rate", "hello or keying beyond the rate or queue limit")              \
	X(STARTUP_UNEXPECTED, "startup_unexpected", "startup chunk nobody waits for")              \
	X(EARLY_FULL, "early_full", "packet before its keys, and no room to keep it")              \
	X(REPORT_FULL, "report_full", "report ring full: startup work dropped")                    \
	X(NO_BODY, "no_body", "body pool empty")                                                   \
	X(NO_FLOW, "no_flow", "too many receive flows in this session or worker")                  \
	X(RX_BUFFER, "rx_buffer", "fragment beyond the receive window or pool")                    \
	X(RX_RANGES, "rx_ranges", "sequence set would grow beyond its ranges")                     \
	X(FLOW_RULE, "flow_rule", "flow rejected by protocol rule (§3.6.3.1)")                     \
	X(MESSAGE_SIZE, "message_size", "message longer than the limit")                           \
	X(STALE_COMMAND, "stale_command", "command for a session or flow that is gone")            \
	X(TX_QUEUE, "tx_queue", "send queue of a flow or worker full")                             \
	X(TX_EXPIRED, "tx_expired", "message abandoned at its deadline")                           \
	X(STREAM_DUPLICATE, "stream_duplicate", "stream fragment already in the window")           \
	X(STREAM_LATE, "stream_late", "stream fragment older than the window")                     \
	X(STREAM_JUMP, "stream_jump", "stream fragment number jumps too far ahead")                \
	X(STREAM_MALFORMED, "stream_malformed", "stream message did not parse")                    \
	X(STREAM_MEMORY, "stream_memory", "window extents exhausted")                              \
	X(STREAM_SKIPPED, "stream_skipped", "fragment too late for one slow neighbour")            \
	X(STREAM_UNKNOWN_PULL, "stream_unknown_pull", "pull of a fragment not in the window")      \
	X(HANDOFF_FULL, "handoff_full", "ring to another worker full")                             \
	X(WRONG_WORKER, "wrong_worker", "datagram of another worker's session, ring full")         \
	X(L2_NOT_OURS, "l2_not_ours", "frame for another MAC, protocol or address")                \
	X(L3_MALFORMED, "l3_malformed", "IP, ICMP or UDP header malformed")                        \
	X(L3_CHECKSUM, "l3_checksum", "IP, ICMP or UDP checksum wrong")                            \
	X(L3_FRAGMENT, "l3_fragment",                                                              \
	  "IP fragment that overlaps another, is a copy, or malformed")                            \
	X(NO_NEXT_HOP, "no_next_hop", "next hop unresolved")                                       \
	X(TX_PORT, "tx_port", "port or socket took no more")                                       \
	X(TX_TOO_BIG, "tx_too_big", "more than the link out carries; path MTU discovery learns")   \
	X(STREAM_UNLINKED, "stream_unlinked", "stream message of a session that is not linked")    \
	X(STREAM_TABLE, "stream_table", "stream or link beyond the table")                         \
	X(STREAM_MAPS, "stream_maps", "map of a neighbour beyond the holders that are kept")       \
	X(STREAM_PULLS, "stream_pulls", "pull beyond what is kept of a neighbour or in all")       \
	X(ECHO_RATE, "echo_rate", "ping beyond the rate we answer")                                \
	X(STARTUP_SOURCE, "startup_source",                                                        \
	  "startup packet beyond its source address's or prefix's budget, not opened")             \
	X(STARTUP_RATE, "startup_rate", "startup packet beyond the worker's budget, not opened")   \
	X(STARTUP_TURN, "startup_turn", "startup packet beyond the turn's budget, not opened")     \
	X(L3_EXTENSION, "l3_extension", "IPv6 extension header that nothing we speak needs")       \
	X(L2_VLAN, "l2_vlan", "frame with another VLAN's tag, or without ours")                    \
	X(IP_FRAG_FULL, "ip_frag_full", "IP fragment beyond what is kept in all or of a source")   \
	X(IP_FRAG_TIME, "ip_frag_time", "IP fragment whose packet did not come whole in time")     \
	X(ND_BAD, "nd_bad", "neighbour discovery that a router passed on, or that lies")           \
	X(ICMP_ERROR, "icmp_error", "ICMP: a packet of ours did not get there; counted by code")   \
	X(ICMP_TOO_BIG, "icmp_too_big", "ICMP: too big, about nothing that a session recognises, or too many")   \
	X(ICMP_REDIRECT, "icmp_redirect", "ICMP redirect; ignored, routes are the operator's")     \
	X(ICMP_BOGUS, "icmp_bogus", "ICMP error about a packet that is none of ours")              \
	X(BUDGET_STARTUP, "budget_startup", "startup packet of ours: limits.bandwidth is short")   \
	X(DATAGRAM_RATE, "datagram_rate", "IP multicast: too many datagrams, or too long a one")

enum drop_reason {
#define X(id, name, help) DROP_##id,
	DROP_REASONS(X)
#undef X
	DROP_REASONS_N
};
