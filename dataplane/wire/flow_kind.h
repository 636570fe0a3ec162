// What a flow is for: its metadata (rtmfp.md §14.1, groups.md §1, 4.1).
#ifndef ANNULUS_WIRE_FLOW_KIND_H
#define ANNULUS_WIRE_FLOW_KIND_H

#include "dataplane/wire/cursor.h"

enum flow_kind {
	FLOW_UNKNOWN = 0,
	FLOW_TC,                // 54 43 flags streamID: RTMP messages
	FLOW_GROUP_CONTROL,     // 47 43 (GC): joining at the server
	FLOW_GROUP_MAIN,        // 47 52 1c: membership and reports
	FLOW_GROUP_STREAM,      // 47 52 11: one stream's control
	FLOW_GROUP_FRAGMENTS,   // 47 52 12: one stream's fragments
	FLOW_GROUP_POST_KEYS,   // 47 52 18
	FLOW_GROUP_POST_VALUES, // 47 52 19
	FLOW_GROUP_MESSAGE,     // 47 52 1d: probably directed routing
	FLOW_SPX_ROUTES,        // 47 52 61: our extension (docs/spx.md)
	FLOW_SPX_POST_CONTROL,  // 47 52 64
	FLOW_SPX_POST_DATA,     // 47 52 65
	FLOW_SPX_OBJECT_CONTROL, // 47 52 62
	FLOW_SPX_OBJECTS,        // 47 52 63
	FLOW_KINDS,
};

#define TC_SID 0x04 // a stream id is present; without it the flow SHOULD be rejected
#define TC_RXI 0x01 // to be taken in order of arrival

struct tc_metadata {
	uint8_t flags;
	uint64_t stream_id;
};

// tc may be NULL; it is filled for FLOW_TC alone. TC without TC_SID, cut short, or with a stream
// id beyond 24 bits is FLOW_UNKNOWN.
enum flow_kind flow_kind_of(struct span metadata, struct tc_metadata *tc);

// The metadata octets of a kind, in constant memory; empty for FLOW_UNKNOWN and FLOW_TC.
struct span flow_kind_metadata(enum flow_kind kind);

void tc_metadata_write(struct wr *w, const struct tc_metadata *tc);

// "TC", "GC", "GR-1c", ... for people.
const char *flow_kind_name(enum flow_kind kind);

#endif
