// What surrounds RTMP messages: flow metadata, user control events, media headers, and the texts of
// addresses that clients report. Each is read from the same octets.
#include <assert.h>

#include "dataplane/wire/address.h"
#include "dataplane/wire/flow_kind.h"
#include "dataplane/wire/media.h"
#include "dataplane/wire/rtmp_msg.h"
#include "tests/fuzz/oracle.h"

static void check_metadata(struct span metadata)
{
	struct tc_metadata tc, again;
	enum flow_kind kind = flow_kind_of(metadata, &tc);
	uint8_t buf[16];
	struct wr w = wr_over(buf, sizeof(buf));

	if (kind == FLOW_TC) {
		tc_metadata_write(&w, &tc);
		assert(flow_kind_of(wr_span(&w), &again) == FLOW_TC);
		assert(again.flags == tc.flags && again.stream_id == tc.stream_id);
	} else if (kind != FLOW_UNKNOWN) {
		assert(span_equal(flow_kind_metadata(kind), metadata));
	}
}

static void check_user_control(struct span payload)
{
	struct user_control u;
	uint8_t buf[32];
	struct wr w = wr_over(buf, sizeof(buf));

	if (user_control_read(&u, payload) != 0 || user_control_write(&w, 0, &u) != 0)
		return;
	assert(w.len <= RTMP_HEAD_LEN + payload.len);
	assert(memcmp(buf + RTMP_HEAD_LEN, payload.data, w.len - RTMP_HEAD_LEN) == 0);
}

static void check_address(struct span octets)
{
	char text[64], again_text[WIRE_ADDR_TEXT_MAX];
	struct wire_addr a, again;

	if (octets.len >= sizeof(text))
		return;
	if (octets.len > 0)
		memcpy(text, octets.data, octets.len);
	text[octets.len] = '\0';
	if (wire_addr_parse(&a, text) != 0)
		return;
	assert(wire_addr_parse(&again, wire_addr_format(&a, again_text)) == 0);
	assert(wire_addr_equal(&a, &again));
}

static int run(const uint8_t *data, size_t size)
{
	struct span octets = span_of(data, size);

	check_metadata(octets);
	check_user_control(octets);
	check_address(octets);
	if (size > 0)
		media_kind_of(data[0], span_of(data + 1, size - 1));
	return 0;
}

// The one thing in here that can be long: a stream id with leading zeros, which are legal.
static size_t usual(uint8_t *to, size_t len)
{
	return oracle_repeat(to, len, "TC\x04", 3, "\x80", 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct oracle o = {.run = run, .usual = usual};

	oracle_run(&o, data, size);
	return 0;
}
