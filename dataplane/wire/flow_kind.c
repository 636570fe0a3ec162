#include "dataplane/wire/flow_kind.h"

struct kind_row {
	const char *name;
	uint8_t len;
	uint8_t metadata[3];
};

static const struct kind_row rows[FLOW_KINDS] = {
	[FLOW_UNKNOWN] = {"unknown", 0, {0}},
	[FLOW_TC] = {"TC", 0, {0}}, // carries parameters
	[FLOW_GROUP_CONTROL] = {"GC", 2, {0x47, 0x43}},
	[FLOW_GROUP_MAIN] = {"GR-1c", 3, {0x47, 0x52, 0x1c}},
	[FLOW_GROUP_STREAM] = {"GR-11", 3, {0x47, 0x52, 0x11}},
	[FLOW_GROUP_FRAGMENTS] = {"GR-12", 3, {0x47, 0x52, 0x12}},
	[FLOW_GROUP_POST_KEYS] = {"GR-18", 3, {0x47, 0x52, 0x18}},
	[FLOW_GROUP_POST_VALUES] = {"GR-19", 3, {0x47, 0x52, 0x19}},
	[FLOW_GROUP_MESSAGE] = {"GR-1d", 3, {0x47, 0x52, 0x1d}},
	[FLOW_SPX_ROUTES] = {"GR-61", 3, {0x47, 0x52, 0x61}},
	[FLOW_SPX_POST_CONTROL] = {"GR-64", 3, {0x47, 0x52, 0x64}},
	[FLOW_SPX_POST_DATA] = {"GR-65", 3, {0x47, 0x52, 0x65}},
	[FLOW_SPX_OBJECT_CONTROL] = {"GR-62", 3, {0x47, 0x52, 0x62}},
	[FLOW_SPX_OBJECTS] = {"GR-63", 3, {0x47, 0x52, 0x63}},
};

static const uint8_t tc_signature[2] = {0x54, 0x43};

static enum flow_kind tc_read(struct rd *r, struct tc_metadata *tc)
{
	struct tc_metadata ignored;

	if (tc == NULL)
		tc = &ignored;
	tc->flags = rd_u8(r) & (TC_SID | TC_RXI);
	tc->stream_id = rd_vlu(r);
	if (r->err != 0 || !(tc->flags & TC_SID) || tc->stream_id > RTMP_STREAM_ID_MAX)
		return FLOW_UNKNOWN;
	return FLOW_TC;
}

enum flow_kind flow_kind_of(struct span metadata, struct tc_metadata *tc)
{
	struct rd r = rd_over_span(metadata);

	if (span_equal(rd_bytes(&r, sizeof(tc_signature)),
		       span_of(tc_signature, sizeof(tc_signature))))
		return tc_read(&r, tc);
	for (int kind = FLOW_GROUP_CONTROL; kind < FLOW_KINDS; kind++) {
		if (span_equal(metadata, flow_kind_metadata((enum flow_kind)kind)))
			return (enum flow_kind)kind;
	}
	return FLOW_UNKNOWN;
}

struct span flow_kind_metadata(enum flow_kind kind)
{
	return span_of(rows[kind].metadata, rows[kind].len);
}

void tc_metadata_write(struct wr *w, const struct tc_metadata *tc)
{
	wr_bytes(w, tc_signature, sizeof(tc_signature));
	wr_u8(w, tc->flags);
	wr_vlu(w, tc->stream_id);
}

const char *flow_kind_name(enum flow_kind kind)
{
	return rows[kind].name;
}
