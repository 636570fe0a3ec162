/*
 * wire/: every kind of chunk and of stream and group message, read and written, beside a copy of
 * the same octets. Readers borrow bodies without touching them, so user data is read in less time
 * than its copy takes; whatever is shorter than a cache line costs a few nanoseconds more than one.
 */
#include <stdlib.h>
#include <string.h>

#include "dataplane/wire/chunk.h"
#include "dataplane/wire/group_msg.h"
#include "perf/rows.h"

#define COPIES 16 // of the octets, one after the other
#define ROUNDS 200
#define CAP    2048

struct world {
	const struct kind *kind;
	bool writes;
	uint8_t sample[CAP], in[COPIES * CAP], out[COPIES * CAP];
	size_t len;                 // of the sample, as written
	struct span copies[COPIES]; // what readers take, in `in`
};

// Each works on all copies, so that a call by pointer is not what is timed. False: it failed.
struct kind {
	const char *name;
	bool is_chunk; // its reader takes the payload, its writer writes the header, too
	bool (*read)(const struct span copies[COPIES]);
	bool (*write)(uint8_t *out, size_t *len);
};

static const uint8_t octets[1024] = {0x21, 0x0f, 1, 2, 3};

#define LEN(n)                                                                                     \
	{                                                                                          \
		octets, n                                                                          \
	}

static inline int keep(int err, const void *x)
{
	bench_keep(x);
	return err;
}

#define READ(name, type, call)                                                                     \
	static bool name##_read_all(const struct span copies[COPIES])                              \
	{                                                                                          \
		int err = 0;                                                                       \
                                                                                                   \
		for (unsigned i = 0; i < COPIES; i++) {                                            \
			struct span in = copies[i];                                                \
			type x;                                                                    \
                                                                                                   \
			err |= keep(call, &x);                                                     \
		}                                                                                  \
		return err == 0;                                                                   \
	}

#define WRITE(name, call, type, ...)                                                               \
	static bool name##_write_all(uint8_t *out, size_t *len)                                    \
	{                                                                                          \
		type x = __VA_ARGS__;                                                              \
		int err = 0;                                                                       \
                                                                                                   \
		for (unsigned i = 0; i < COPIES; i++) {                                            \
			struct wr over = wr_over(out + i * CAP, CAP), *w = &over;                  \
                                                                                                   \
			bench_keep(&x);                                                            \
			err |= call < 0;                                                           \
			*len = over.len;                                                           \
		}                                                                                  \
		return err == 0;                                                                   \
	}

#define BOTH(name, ...)                                                                            \
	READ(name, struct name, name##_read(&x, in))                                               \
	WRITE(name, name##_write(w, &x), struct name, __VA_ARGS__)

#define ADDR                                                                                       \
	{                                                                                          \
		.ip = {192, 0, 2, 1}, .port = 1935, .family = 4, .origin = ADDR_OBSERVED           \
	}

BOTH(user_data, {.flow_id = 3, .seq = 100000, .fsn = 99990, .body = LEN(1000)})
// Over the struct of a chunk before it, as in a packet.
READ(next_user_data, struct user_data,
     (x.is_set = true, x.seq = 7, x.flow_id = 3, x.fsn = 6, next_user_data_read(&x, in)))
WRITE(next_user_data, next_user_data_write(w, &x), struct user_data, {.body = LEN(100)})
BOTH(packet_fragment, {.has_more = true, .packet_id = 5, .index = 1, .body = LEN(1000)})
BOTH(ihello, {.epd = LEN(35), .tag = LEN(16)})
BOTH(fihello, {.epd = LEN(35), .reply_addr = ADDR, .tag = LEN(16)})
BOTH(rhello, {.tag_echo = LEN(16), .cookie = LEN(64), .cert = LEN(77)})
BOTH(redirect, {.tag_echo = LEN(16), .n_addrs = 4, .addrs = {ADDR, ADDR, ADDR, ADDR}})
BOTH(cookie_change, {.old_cookie = LEN(64), .new_cookie = LEN(64)})
BOTH(iikeying,
     {.initiator_session_id = 7, .cookie_echo = LEN(64), .cert = LEN(77), .skic = LEN(360)})
BOTH(rikeying, {.responder_session_id = 7, .skrc = LEN(360)})
BOTH(flow_exception, {.flow_id = 3, .code = 1})
READ(buffer_probe, uint64_t, buffer_probe_read(&x, in))
WRITE(buffer_probe, buffer_probe_write(w, x), uint64_t, 3)
WRITE(ping, ping_write(w, x), struct span, LEN(16))
WRITE(ping_reply, ping_reply_write(w, x), struct span, LEN(16))

static bool ack_read_all(const struct span copies[COPIES], uint8_t type)
{
	struct seq_range range;
	bool good = true;

	for (unsigned i = 0; i < COPIES; i++) {
		struct ack_iter it;
		struct ack a;
		unsigned n = 0;

		good &= ack_read(&a, type, copies[i]) == 0;
		it = ack_iter_over(&a);
		while (ack_next(&it, &range)) {
			bench_keep(&range);
			n++;
		}
		good &= n == 4;
	}
	return good;
}

static bool ack_ranges_read_all(const struct span copies[COPIES])
{
	return ack_read_all(copies, CHUNK_ACK_RANGES);
}

static bool ack_bitmap_read_all(const struct span copies[COPIES])
{
	return ack_read_all(copies, CHUNK_ACK_BITMAP);
}

static const struct seq_range holes[] = {{1002, 1010}, {1012, 1012}, {1015, 1030}, {1040, 1041}};

WRITE(ack_ranges, ack_ranges_write(w, &x, holes, 4), struct ack,
      {.flow_id = 3, .window_blocks = 64, .cum = 1000})
WRITE(ack_bitmap, ack_bitmap_write(w, &x, holes, 4), struct ack,
      {.flow_id = 3, .window_blocks = 64, .cum = 1000})

BOTH(group_join, {.by = GROUP_JOIN_BY_ID, .value = LEN(GROUP_ID_LEN)})
BOTH(group_connect, {.group_id = {1}, .proof = {2}, .receiver_id = {3}})
BOTH(stream_info, {.name = LEN(8),
		   .key = {1},
		   .window_ms = 8000,
		   .expiry_ms = STREAM_EXPIRY_MS,
		   .update_ms = 100,
		   .fetch_ms = 2500})
BOTH(fragments_map, {.last = 100000, .bits = LEN(300)})
BOTH(stream_fragment, {.flags = STREAM_FRAGMENT_FIRST,
		       .type = 9,
		       .timestamp = 40,
		       .number = 100000,
		       .payload = LEN(900)})
READ(pull, uint64_t, pull_read(&x, in))
WRITE(pull, pull_write(w, x), uint64_t, 100000)
READ(push_mask, uint8_t, push_mask_read(&x, in))
WRITE(push_mask, push_mask_write(w, x), uint8_t, 0x55)

#define RECORDS 16

static bool group_report_read_all(const struct span copies[COPIES])
{
	bool good = true;

	for (unsigned i = 0; i < COPIES; i++) {
		struct group_report_self self;
		struct group_report_record record;
		struct group_report_iter it;

		good &= group_report_read(&self, &it, copies[i]) == 0;
		while (group_report_next(&it, &record))
			bench_keep(&record);
		good &= it.n_records == RECORDS;
	}
	return good;
}

static bool group_report_write_all(uint8_t *out, size_t *len)
{
	struct group_report_self self = {.receiver_addr = ADDR, .own = {2, {ADDR, ADDR}}};
	struct group_report_record record = {
		.peer_id = {1}, .age_s = 3, .addrs = {2, {ADDR, ADDR}}};
	bool good = true;

	for (unsigned i = 0; i < COPIES; i++) {
		struct wr w = wr_over(out + i * CAP, CAP);

		good &= group_report_write_self(&w, &self) == 0;
		for (unsigned k = 0; k < RECORDS; k++) {
			record.peer_id[1] = (uint8_t)k;
			good &= group_report_write_record(&w, &record) == 0;
		}
		*len = w.len;
	}
	return good;
}

#define CHUNK(name)                                                                                \
	{                                                                                          \
#name, true, name##_read_all, name##_write_all                                     \
	}
#define MESSAGE(name)                                                                              \
	{                                                                                          \
#name, false, name##_read_all, name##_write_all                                    \
	}

static const struct kind kinds[] = {
	CHUNK(user_data),
	CHUNK(next_user_data),
	CHUNK(ack_ranges),
	CHUNK(ack_bitmap),
	{"ping", true, NULL, ping_write_all}, // its payload is all there is to read
	{"ping_reply", true, NULL, ping_reply_write_all},
	CHUNK(buffer_probe),
	CHUNK(flow_exception),
	CHUNK(packet_fragment),
	CHUNK(ihello),
	CHUNK(fihello),
	CHUNK(rhello),
	CHUNK(redirect),
	CHUNK(cookie_change),
	CHUNK(iikeying),
	CHUNK(rikeying),
	MESSAGE(group_join),
	MESSAGE(group_connect),
	MESSAGE(group_report),
	MESSAGE(stream_info),
	MESSAGE(fragments_map),
	MESSAGE(stream_fragment),
	MESSAGE(pull),
	MESSAGE(push_mask),
};

static void *wire_open(const struct bench_row *row, struct ratio *r)
{
	struct world *w = calloc(1, sizeof(*w));
	size_t head;

	if (w == NULL)
		return NULL;
	w->kind = row->user;
	w->writes = row->arg[0] != 0;
	if (!w->kind->write(w->out, &w->len))
		ratio_void(r, "the sample is not written");
	memcpy(w->sample, w->out, w->len);
	head = w->kind->is_chunk ? CHUNK_HEADER_LEN : 0;
	for (unsigned i = 0; i < COPIES; i++) {
		memcpy(w->in + i * w->len, w->sample, w->len);
		w->copies[i] = span_of(w->in + i * w->len + head, w->len - head);
	}
	ratio_figure(r, "octets", (double)w->len);
	return w;
}

static void wire_batch(void *world, struct ratio *r)
{
	struct world *w = world;
	bool good = true;
	size_t len = 0;

	ratio_start(r, RATIO_OURS);
	for (unsigned i = 0; i < ROUNDS; i++) {
		if (w->writes)
			good &= w->kind->write(w->out, &len);
		else
			good &= w->kind->read(w->copies);
	}
	ratio_stop(r, RATIO_OURS, ROUNDS * COPIES);
	if (!good || (w->writes && (len != w->len || memcmp(w->out, w->sample, len) != 0)))
		ratio_void(r, "not every one was %s as the sample", w->writes ? "written" : "read");
	ratio_start(r, RATIO_LIMIT);
	for (unsigned i = 0; i < ROUNDS; i++) {
		for (unsigned k = 0; k < COPIES; k++) {
			memcpy(w->out + k * CAP, w->in + k * w->len, w->len);
			bench_keep(w->out);
		}
	}
	ratio_stop(r, RATIO_LIMIT, ROUNDS * COPIES);
}

static void wire_close(void *world, struct ratio *r)
{
	free(world);
}

void wire_rows(struct bench *b)
{
	for (unsigned writes = 0; writes < 2; writes++) {
		for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
			if (!writes && kinds[i].read == NULL)
				continue;
			bench_add(b,
				  &(struct bench_row){
					  .unit = kinds[i].is_chunk ? "chunk" : "message",
					  .sides = {writes ? "write" : "read", "copy"},
					  .arg = {writes},
					  .user = &kinds[i],
					  .seconds = 0.1,
					  .open = wire_open,
					  .batch = wire_batch,
					  .close = wire_close,
				  },
				  "wire/%s/%s", writes ? "write" : "read", kinds[i].name);
		}
	}
}
