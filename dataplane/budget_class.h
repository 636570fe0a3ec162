// What byte budgets tell apart (design.md 5), and why something had to wait. Enums, counters and
// help all grow from these lists. Append only.
#pragma once

// What is sent, in the order in which it is shed when a budget is short. Control is never held back,
// but charged: the others pay for it.
#define BUDGET_CLASSES(X)                                                                          \
	X(HELLOS, "hellos", "answers to strangers' hellos")                                        \
	X(NEW, "new", "control's startup packets: openings, introductions, redirects")             \
	X(POSTINGS, "postings", "messages of PRIO_POST")                                           \
	X(OBJECTS, "objects", "messages of PRIO_BULK")                                             \
	X(REPAIRS, "repairs", "stream fragments lost or pulled")                                   \
	X(MEDIA, "media", "live: stream fragments pushed, messages of PRIO_MEDIA")                 \
	X(CONTROL, "control", "acknowledgements, pings, messages of PRIO_CONTROL")

enum budget_class {
#define X(id, name, help) BUDGET_##id,
	BUDGET_CLASSES(X)
#undef X
	BUDGET_CLASSES_N
};

// Why something ready to be sent had to wait. Nothing is lost by that: what waits too long is a drop
// (stream_skipped, tx_expired).
#define HELD_REASONS(X)                                                                            \
	X(CWND, "cwnd", "the neighbour's congestion window is full")                               \
	X(BURST, "burst", "six packets since its last acknowledgement")                            \
	X(RWND, "rwnd", "its receive window is full, or too many numbers are in flight")           \
	X(TOTAL, "budget_total", "the worker's part of limits.bandwidth is used up")               \
	X(GROUP, "budget_group", "the group's bandwidth is used up")                               \
	X(NEIGHBOUR, "budget_neighbour", "limits.neighbour_bandwidth is used up for one neighbour")

enum held_reason {
#define X(id, name, help) HELD_##id,
	HELD_REASONS(X)
#undef X
	HELD_REASONS_N
};
