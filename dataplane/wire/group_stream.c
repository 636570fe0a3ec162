#include "dataplane/wire/group_member.h"
#include "dataplane/wire/group_stream.h"

enum stream_info_option {
	INFO_NAME = 0x00,
	INFO_KEY = 0x01,
	INFO_FLAG_02 = 0x02,
	INFO_WINDOW = 0x03,
	INFO_EXPIRY = 0x04,
	INFO_UPDATE = 0x05,
	INFO_SENT_TO_ALL = 0x06,
	INFO_FETCH = 0x07,
};

static int info_take_name(struct stream_info *s, struct span value)
{
	if (value.len == 0 || value.len > STREAM_NAME_MAX || s->name.len != 0)
		return -EBADMSG;
	s->name = value;
	return 0;
}

static int info_take_key(struct stream_info *s, bool *has_key, struct span value)
{
	if (value.len != STREAM_KEY_LEN || *has_key)
		return -EBADMSG;
	memcpy(s->key, value.data, STREAM_KEY_LEN);
	*has_key = true;
	return 0;
}

static int info_take(struct stream_info *s, bool *has_key, uint64_t type, struct span value)
{
	switch (type) {
	case INFO_NAME:
		return info_take_name(s, value);
	case INFO_KEY:
		return info_take_key(s, has_key, value);
	case INFO_FLAG_02:
		s->has_flag_02 = true;
		return 0;
	case INFO_SENT_TO_ALL:
		s->is_sent_to_all = true;
		return 0;
	case INFO_WINDOW:
		return opt_value_vlu(&s->window_ms, value);
	case INFO_EXPIRY:
		return opt_value_vlu(&s->expiry_ms, value);
	case INFO_UPDATE:
		return opt_value_vlu(&s->update_ms, value);
	case INFO_FETCH:
		return opt_value_vlu(&s->fetch_ms, value);
	default:
		return 0;
	}
}

int stream_info_read(struct stream_info *s, struct span msg)
{
	struct rd r = group_msg_body(msg, STREAM_INFO);
	bool has_key = false;
	struct span value;
	uint64_t type;

	*s = (struct stream_info){
		.window_ms = STREAM_WINDOW_MS,
		.expiry_ms = STREAM_EXPIRY_MS,
		.update_ms = STREAM_UPDATE_MS,
		.fetch_ms = STREAM_FETCH_MS,
	};
	while (opt_next(&r, &type, &value) == OPT_FOUND) {
		if (info_take(s, &has_key, type, value) != 0)
			rd_fail(&r);
	}
	return r.err == 0 && has_key && s->name.len > 0 ? 0 : -EBADMSG;
}

int stream_info_write(struct wr *w, const struct stream_info *s)
{
	struct wr_point start = wr_mark(w);

	// Name first, key second: librtmfp insists.
	wr_u8(w, STREAM_INFO);
	wr_option(w, INFO_NAME, s->name);
	wr_option(w, INFO_KEY, span_of(s->key, STREAM_KEY_LEN));
	if (s->has_flag_02)
		wr_option_flag(w, INFO_FLAG_02);
	if (s->is_sent_to_all)
		wr_option_flag(w, INFO_SENT_TO_ALL);
	wr_option_vlu(w, INFO_WINDOW, s->window_ms);
	wr_option_vlu(w, INFO_EXPIRY, s->expiry_ms);
	wr_option_vlu(w, INFO_UPDATE, s->update_ms);
	wr_option_vlu(w, INFO_FETCH, s->fetch_ms);
	return wr_finish(w, start);
}

// A message that is its type and one VLU.
static int vlu_msg_read(uint64_t *value, uint8_t type, struct span msg)
{
	struct rd r = group_msg_body(msg, type);

	*value = rd_vlu(&r);
	return r.err;
}

static int vlu_msg_write(struct wr *w, uint8_t type, uint64_t value)
{
	struct wr_point start = wr_mark(w);

	wr_u8(w, type);
	wr_vlu(w, value);
	return wr_finish(w, start);
}

int stream_end_read(uint64_t *end, struct span msg)
{
	if (!stream_is_end(msg))
		return -EBADMSG;
	return vlu_msg_read(end, STREAM_INFO, msg);
}

int stream_end_write(struct wr *w, uint64_t end)
{
	return vlu_msg_write(w, STREAM_INFO, end);
}

int fragments_map_read(struct fragments_map *m, struct span msg)
{
	struct rd r = group_msg_body(msg, STREAM_FRAGMENTS_MAP);

	m->last = rd_vlu(&r);
	m->bits = rd_rest(&r);
	if (m->bits.len > FRAGMENTS_MAP_MAX)
		rd_fail(&r);
	return r.err;
}

int fragments_map_write(struct wr *w, const struct fragments_map *m)
{
	struct wr_point start = wr_mark(w);

	wr_u8(w, STREAM_FRAGMENTS_MAP);
	wr_vlu(w, m->last);
	wr_put_span(w, m->bits);
	return wr_finish(w, start);
}

int push_mask_read(uint8_t *mask, struct span msg)
{
	struct rd r = group_msg_body(msg, STREAM_PUSH_MASK);

	*mask = rd_u8(&r);
	return r.err;
}

int push_mask_write(struct wr *w, uint8_t mask)
{
	struct wr_point start = wr_mark(w);

	wr_u8(w, STREAM_PUSH_MASK);
	wr_u8(w, mask);
	return wr_finish(w, start);
}

int pull_read(uint64_t *number, struct span msg)
{
	return vlu_msg_read(number, STREAM_PULL, msg);
}

int pull_write(struct wr *w, uint64_t number)
{
	return vlu_msg_write(w, STREAM_PULL, number);
}
