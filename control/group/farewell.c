#include "control/group/farewell.h"

#include <string.h>

enum { AMF0_NUMBER = 0x00, AMF0_STRING = 0x02, AMF0_OBJECT = 0x03, AMF0_NULL = 0x05 };
enum { AMF0_OBJECT_END = 0x09 };

static const char unpublish_code[] = "NetStream.Play.UnpublishNotify";

static void wr_text(struct wr *w, const char *text)
{
	wr_u16(w, (uint16_t)strlen(text));
	wr_bytes(w, text, strlen(text));
}

// Format octet, name, transaction 0 (no answer wanted), no command object.
static void wr_command(struct wr *w, const char *name)
{
	wr_u8(w, 0);
	wr_u8(w, AMF0_STRING);
	wr_text(w, name);
	wr_u8(w, AMF0_NUMBER);
	wr_u64(w, 0);
	wr_u8(w, AMF0_NULL);
}

static void wr_property(struct wr *w, const char *key, const char *value)
{
	wr_text(w, key);
	wr_u8(w, AMF0_STRING);
	wr_text(w, value);
}

int farewell_unpublish_write(struct wr *w, const char *name)
{
	struct wr_point p = wr_mark(w);

	wr_command(w, "onStatus");
	wr_u8(w, AMF0_OBJECT);
	wr_property(w, "level", "status");
	wr_property(w, "code", unpublish_code);
	wr_property(w, "details", name);
	wr_u16(w, 0); // the empty key before the end
	wr_u8(w, AMF0_OBJECT_END);
	return wr_finish(w, p);
}

int farewell_close_write(struct wr *w)
{
	struct wr_point p = wr_mark(w);

	wr_command(w, "closeStream");
	return wr_finish(w, p);
}

// The command's name; the cursor stays behind it. Empty: no command.
static struct span command_name(struct rd *r, uint8_t type)
{
	struct span none = {NULL, 0};

	if (type != RTMP_COMMAND_AMF3 && type != RTMP_COMMAND_AMF0)
		return none;
	if (type == RTMP_COMMAND_AMF3)
		rd_u8(r);
	if (rd_u8(r) != AMF0_STRING)
		return none;
	return rd_bytes(r, rd_u16(r));
}

static bool is_text(struct span s, const char *text)
{
	return span_equal(s, span_of(text, strlen(text)));
}

enum farewell farewell_of(const struct stream_message *m)
{
	struct rd r = rd_over_span(m->body);
	struct span name = command_name(&r, m->type), rest = rd_rest(&r);

	if (is_text(name, "closeStream"))
		return FAREWELL_CLOSE;
	// Searched, not parsed: the code is the same octets in AMF0 and AMF3.
	if (is_text(name, "onStatus") && rest.len > 0 &&
	    memmem(rest.data, rest.len, unpublish_code, strlen(unpublish_code)) != NULL)
		return FAREWELL_UNPUBLISH;
	return FAREWELL_NONE;
}
