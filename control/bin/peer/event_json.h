// What a member tells a program: JSON objects on standard output, one a line. Events have the codes
// and names of the player's API (netgroup-semantics 8.4, 12); a hash is in lower-case hex.
#pragma once

#include "control/admin/json_out.h"
#include "control/node.h"

// One line, by hand: begin, put, end. That of an event has its code already.
struct json_out json_line_begin(void);
struct json_out json_event_begin(const char *code);
void json_line_end(struct json_out *);

// The text of a posted or routed message, if it is an AMF3 string and nothing else.
bool event_text(const struct node_event *, struct span *text);

// Says an event; messages of a stream are not told. stream: the name that stream events carry.
void event_json(const struct node_event *, const char *stream);
// LocalCoverage.Notify, as it is now; nothing if there is no routing.
void event_json_coverage(const struct node_group *);
