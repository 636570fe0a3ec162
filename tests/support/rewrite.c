#include "tests/support/rewrite.h"
#include "dataplane/wire/group_msg.h"

#define RANGES_MAX 1024

// struct NAME with NAME_read() and NAME_write()
#define REWRITE(name)                                                                              \
	static int rewrite_##name(struct wr *w, struct span in)                                    \
	{                                                                                          \
		struct name x;                                                                     \
		int err = name##_read(&x, in);                                                     \
                                                                                                   \
		return err != 0 ? err : name##_write(w, &x);                                       \
	}

REWRITE(packet_fragment)
REWRITE(ihello)
REWRITE(fihello)
REWRITE(rhello)
REWRITE(redirect)
REWRITE(cookie_change)
REWRITE(iikeying)
REWRITE(rikeying)
REWRITE(flow_exception)
REWRITE(group_join)
REWRITE(group_connect)
REWRITE(stream_info)
REWRITE(fragments_map)
REWRITE(stream_fragment)
REWRITE(post_data)
REWRITE(route_far)
REWRITE(route_coverage)
REWRITE(object_data)

// The same where the value is a number.
#define REWRITE_NUMBER(name, type)                                                                 \
	static int rewrite_##name(struct wr *w, struct span in)                                    \
	{                                                                                          \
		type x;                                                                            \
		int err = name##_read(&x, in);                                                     \
                                                                                                   \
		return err != 0 ? err : name##_write(w, x);                                        \
	}

REWRITE_NUMBER(buffer_probe, uint64_t)
REWRITE_NUMBER(stream_end, uint64_t)
REWRITE_NUMBER(pull, uint64_t)
REWRITE_NUMBER(push_mask, uint8_t)

static int rewrite_ack(struct wr *w, const struct chunk *c)
{
	struct seq_range ranges[RANGES_MAX];
	struct ack_iter it;
	struct ack a;
	size_t n = 0;
	int written;

	if (ack_read(&a, c->type, c->payload) != 0)
		return -EBADMSG;
	it = ack_iter_over(&a);
	while (n < RANGES_MAX && ack_next(&it, &ranges[n]))
		n++;
	written = a.is_bitmap ? ack_bitmap_write(w, &a, ranges, n)
			      : ack_ranges_write(w, &a, ranges, n);
	return written < 0 ? written : 0;
}

static int rewrite_user_data(struct wr *w, const struct chunk *c, struct user_data *data)
{
	if (c->type == CHUNK_USER_DATA) {
		int err = user_data_read(data, c->payload);

		return err != 0 ? err : user_data_write(w, data);
	} else {
		int err = next_user_data_read(data, c->payload);

		return err != 0 ? err : next_user_data_write(w, data);
	}
}

static int rewrite_startup(struct wr *w, const struct chunk *c)
{
	switch (c->type) {
	case CHUNK_PACKET_FRAGMENT:
		return rewrite_packet_fragment(w, c->payload);
	case CHUNK_IHELLO:
		return rewrite_ihello(w, c->payload);
	case CHUNK_FIHELLO:
		return rewrite_fihello(w, c->payload);
	case CHUNK_RHELLO:
		return rewrite_rhello(w, c->payload);
	case CHUNK_REDIRECT:
		return rewrite_redirect(w, c->payload);
	case CHUNK_COOKIE_CHANGE:
		return rewrite_cookie_change(w, c->payload);
	case CHUNK_IIKEYING:
		return rewrite_iikeying(w, c->payload);
	case CHUNK_RIKEYING:
		return rewrite_rikeying(w, c->payload);
	default:
		return -ENOENT;
	}
}

int chunk_rewrite(struct wr *w, const struct chunk *c, struct user_data *data)
{
	switch (c->type) {
	case CHUNK_USER_DATA:
	case CHUNK_NEXT_USER_DATA:
		return rewrite_user_data(w, c, data);
	case CHUNK_ACK_BITMAP:
	case CHUNK_ACK_RANGES:
		return rewrite_ack(w, c);
	case CHUNK_BUFFER_PROBE:
		return rewrite_buffer_probe(w, c->payload);
	case CHUNK_FLOW_EXCEPTION:
		return rewrite_flow_exception(w, c->payload);
	case CHUNK_PING:
		return ping_write(w, c->payload);
	case CHUNK_PING_REPLY:
		return ping_reply_write(w, c->payload);
	case CHUNK_CLOSE:
		return close_write(w);
	case CHUNK_CLOSE_ACK:
		return close_ack_write(w);
	case CHUNK_PADDING_00:
		return padding_write(w, CHUNK_HEADER_LEN + c->payload.len);
	default:
		return rewrite_startup(w, c);
	}
}

static int rewrite_group_member(struct wr *w, struct span msg)
{
	uint8_t id[PEER_ID_LEN];
	int err = group_member_read(id, msg);

	return err != 0 ? err : group_member_write(w, id);
}

static int rewrite_group_report(struct wr *w, struct span msg)
{
	struct group_report_record record;
	struct group_report_self self;
	struct group_report_iter it;
	int err = group_report_read(&self, &it, msg);

	if (err != 0)
		return err;
	if (self.receiver_addr.family == 0) // we always say how we see the other
		return -ENOENT;
	err = group_report_write_self(w, &self);
	while (err == 0 && group_report_next(&it, &record))
		err = group_report_write_record(w, &record);
	return err;
}

static int rewrite_main(struct wr *w, struct span msg)
{
	switch (group_msg_type(msg)) {
	case GROUP_CONNECT:
		return rewrite_group_connect(w, msg);
	case GROUP_REPORT:
		return rewrite_group_report(w, msg);
	case GROUP_HELLO:
	case GROUP_ASK_CLOSE:
	case GROUP_BEGIN_EXACT:
	case GROUP_BEGIN_NEAREST:
		return group_octet_write(w, (enum group_main_type)msg.data[0]);
	default:
		return -ENOENT;
	}
}

static int rewrite_stream(struct wr *w, struct span msg)
{
	switch (group_msg_type(msg)) {
	case STREAM_INFO:
		return stream_is_end(msg) ? rewrite_stream_end(w, msg)
					  : rewrite_stream_info(w, msg);
	case STREAM_FRAGMENTS_MAP:
		return rewrite_fragments_map(w, msg);
	case STREAM_PUSH_MASK:
		return rewrite_push_mask(w, msg);
	case STREAM_PULL:
		return rewrite_pull(w, msg);
	default:
		return -ENOENT;
	}
}

static int rewrite_offers(struct wr *w, struct span msg)
{
	struct post_offer offers[POST_KEYS_MAX];
	struct post_list l;
	uint32_t n = 0;
	int err = post_offers_read(&l, msg);

	if (err != 0)
		return err;
	while (post_offer_next(&l, &offers[n]))
		n++;
	return post_offers_write(w, offers, n);
}

static int rewrite_keys(struct wr *w, enum spx_type type, struct span msg)
{
	uint8_t keys[POST_KEYS_MAX][POST_KEY_LEN];
	const uint8_t *key;
	struct post_list l;
	uint32_t n = 0;
	int err = post_keys_read(&l, type, msg);

	if (err != 0)
		return err;
	while ((key = post_key_next(&l)) != NULL)
		memcpy(keys[n++], key, POST_KEY_LEN);
	return post_keys_write(w, type, keys, n);
}

static int rewrite_post_control(struct wr *w, struct span msg)
{
	switch (spx_msg_type(msg)) {
	case SPX_OFFER:
		return rewrite_offers(w, msg);
	case SPX_ASK:
	case SPX_GONE:
		return rewrite_keys(w, (enum spx_type)spx_msg_type(msg), msg);
	default:
		return -ENOENT;
	}
}

static int rewrite_route(struct wr *w, struct span msg)
{
	struct route_msg m;
	int err = route_read(&m, msg);

	return err != 0 ? err : route_write(w, &m);
}

static int rewrite_routes(struct wr *w, struct span msg)
{
	switch (spx_msg_type(msg)) {
	case SPX_ROUTE:
		return rewrite_route(w, msg);
	case SPX_COVERAGE:
		return rewrite_route_coverage(w, msg);
	case SPX_ROUTE_FAR:
	case SPX_ROUTE_ASIDE:
	case SPX_ROUTE_BACK:
		return rewrite_route_far(w, msg);
	default:
		return -ENOENT;
	}
}

static uint32_t take_ranges(struct object_ranges list, struct index_range to[OBJECT_RANGES_MAX])
{
	uint32_t n = 0;

	while (object_range_next(&list, &to[n]))
		if (++n == OBJECT_RANGES_MAX)
			break;
	return n;
}

static int rewrite_object_sets(struct wr *w, enum spx_type type, struct span msg)
{
	struct index_range ranges[OBJECT_RANGES_MAX];
	struct object_have h;
	struct object_want want;
	int err;

	if (type == SPX_WANT) {
		err = object_want_read(&want, msg);
		return err != 0 ? err
				: object_want_write(w, want.is_interested, ranges,
						    take_ranges(want.ranges, ranges));
	}
	err = type == SPX_HAVE ? object_have_read(&h, msg) : object_delta_read(&h, msg);
	if (err != 0)
		return err;
	if (type == SPX_HAVE)
		return object_have_write(w, h.flags, h.seq, ranges, take_ranges(h.ranges, ranges));
	return object_delta_write(w, (enum object_delta_op)h.op, h.seq, ranges,
				  take_ranges(h.ranges, ranges));
}

static int rewrite_object_control(struct wr *w, struct span msg)
{
	int type = spx_msg_type(msg), err;
	struct object_request q;

	switch (type) {
	case SPX_HAVE:
	case SPX_HAVE_DELTA:
	case SPX_WANT:
		return rewrite_object_sets(w, (enum spx_type)type, msg);
	case SPX_REQUEST:
	case SPX_DENY:
	case SPX_CANCEL:
		err = object_request_read(&q, (enum spx_type)type, msg);
		return err != 0 ? err : object_request_write(w, (enum spx_type)type, &q);
	default:
		return -ENOENT;
	}
}

static int rewrite_post_old(struct wr *w, struct span msg)
{
	enum post_old_type type =
		group_msg_type(msg) == POST_OLD_ASK ? POST_OLD_ASK : POST_OLD_OFFER;
	uint8_t key[POST_KEY_OLD_LEN];
	int err = post_old_read(key, type, msg);

	return err != 0 ? err : post_old_write(w, type, key);
}

int group_msg_rewrite(struct wr *w, enum flow_kind kind, struct span msg)
{
	switch (kind) {
	case FLOW_GROUP_CONTROL:
		return group_msg_type(msg) == GROUP_JOIN ? rewrite_group_join(w, msg)
							 : rewrite_group_member(w, msg);
	case FLOW_GROUP_MAIN:
		return rewrite_main(w, msg);
	case FLOW_GROUP_STREAM:
		return rewrite_stream(w, msg);
	case FLOW_GROUP_FRAGMENTS:
		return rewrite_stream_fragment(w, msg);
	case FLOW_GROUP_POST_KEYS:
		return rewrite_post_old(w, msg);
	case FLOW_SPX_POST_CONTROL:
		return rewrite_post_control(w, msg);
	case FLOW_SPX_POST_DATA:
		return rewrite_post_data(w, msg);
	case FLOW_SPX_ROUTES:
		return rewrite_routes(w, msg);
	case FLOW_SPX_OBJECT_CONTROL:
		return rewrite_object_control(w, msg);
	case FLOW_SPX_OBJECTS:
		return rewrite_object_data(w, msg);
	default:
		return -ENOENT;
	}
}
