#include "perf/fars.h"

#include <stdlib.h>
#include <string.h>

#include "dataplane/core/stream.h"
#include "dataplane/wire/chunk_ack.h"
#include "dataplane/wire/chunk_data.h"
#include "perf/fars_parts.h"

#define PEEK              48 // octets of ciphertext that are opened of every packet
#define FAR_WINDOW_BLOCKS 256
#define ACK_EVERY         2  // RFC 7016 §3.6.3.4.4: data packets until an ack is due
#define SLOW_EVERY        20 // a tenth of that rate

// -- what goes in --

static void mail_out(struct fars *f)
{
	crypto_seal(f->crypto, f->ops, f->n_mail);
	for (uint16_t i = 0; i < f->n_mail; i++) {
		struct datagram *d = &f->mail[i];

		ssid_scramble(d->data, d->len, f->far[d->slot].id);
		f->world->calls->arrive(f->world, d);
	}
	f->n_mail = 0;
}

bool letter_begin(struct fars *f, struct letter *l, uint32_t slot, uint64_t now_us)
{
	struct far *far = &f->far[slot];
	struct packet_header h = {PACKET_TS | PACKET_TSE | MODE_INITIATOR,
				  (uint16_t)(now_us / 4000), far->ts};

	if (f->n_mail == MAIL_MAX)
		mail_out(f);
	l->d.slot = slot;
	if (f->in.n == WORLD_DATAGRAMS || !f->world->calls->lend(f->world, &l->d))
		return false;
	l->form = (struct packet_form){f->opts.tag_len, f->opts.has_sseq};
	l->plain = l->d.data + SSID_LEN;
	l->front_len = packet_form_front_write(l->form, l->plain, far->sseq++);
	l->w = wr_over(l->plain + l->front_len, 1200);
	packet_header_write(&l->w, &h);
	return true;
}

void letter_end(struct fars *f, struct letter *l)
{
	struct far *far = &f->far[l->d.slot];
	size_t len = packet_form_finish(l->form, l->plain, l->front_len, l->front_len + l->w.len);

	f->ops[f->n_mail] = (struct crypto_op){
		.sched = far->seal,
		.hmac = l->form.tag_len > 0 ? &far->hmac_seal : NULL,
		.dst = l->plain,
		.len = (uint16_t)len,
		.tag_len = l->form.tag_len,
	};
	l->d.len = (uint16_t)(SSID_LEN + len + l->form.tag_len);
	f->mail[f->n_mail++] = l->d;
	f->in.slot[f->in.n] = l->d.slot;
	f->in.len[f->in.n++] = (uint16_t)len;
}

static void write_ack(struct letter *l, uint64_t flow, uint64_t cum, uint64_t above)
{
	const struct ack a = {.flow_id = flow, .window_blocks = FAR_WINDOW_BLOCKS, .cum = cum};
	struct seq_range ranges[32];
	size_t n = 0;

	for (unsigned i = 0; above >> i != 0; i++) {
		uint64_t sn = cum + 2 + i;

		if (!(above >> i & 1))
			continue;
		if (n > 0 && ranges[n - 1].to + 1 == sn)
			ranges[n - 1].to = sn;
		else
			ranges[n++] = (struct seq_range){sn, sn};
		if (i == 63)
			break;
	}
	ack_ranges_write(&l->w, &a, ranges, n);
}

static void write_pull(struct fars *f, struct far *far, struct letter *l)
{
	uint8_t message[1 + VLU_LEN_MAX];
	struct wr w = wr_over(message, sizeof(message));
	struct user_data d = {.flow_id = FAR_CONTROL_FLOW, .seq = far->sn, .fsn = far->sn - 1};

	pull_write(&w, far->pulls);
	far->pulls = 0;
	far->sn++;
	d.body = span_of(message, w.len);
	user_data_write(&l->w, &d);
	f->counts.pulled++;
}

static bool acknowledge(struct fars *f, uint32_t slot, uint64_t now_us)
{
	struct far *far = &f->far[slot];
	struct letter l;

	if (!letter_begin(f, &l, slot, now_us))
		return false;
	if (far->n_unacked > 0) {
		write_ack(&l, ENGINE_DATA_FLOW, far->cum, far->above);
		f->counts.acks++;
	}
	if (far->has_ctl)
		write_ack(&l, ENGINE_CONTROL_FLOW, far->ctl_cum, 0);
	if (far->pulls != 0)
		write_pull(f, far, &l);
	letter_end(f, &l);
	far->n_unacked = 0;
	far->has_ctl = false;
	far->is_due = false;
	return true;
}

static void acknowledge_due(struct fars *f, uint64_t now_us)
{
	uint32_t i = 0;

	while (i < f->n_due && acknowledge(f, f->due[i], now_us))
		i++;
	f->n_due -= i;
	memmove(f->due, f->due + i, f->n_due * sizeof(*f->due));
}

void fars_due(struct fars *f, uint32_t slot)
{
	if (f->far[slot].is_due)
		return;
	f->far[slot].is_due = true;
	f->due[f->n_due++] = slot;
}

// -- fragments --

// Every fragment looks different, and can be checked from its number alone.
static uint8_t octet_of(uint32_t stream, uint64_t no, size_t i)
{
	return (uint8_t)(0x22 + i * (2 * no + 1) + (i > 0 ? stream : 0));
}

static uint16_t payload_len(const struct fars *f, uint64_t no)
{
	return (uint16_t)(f->opts.body_len - (1 + vlu_len(no) + 1 + 4));
}

// -- messages to control --

// A datagram with the sender's next fragment. Messages look different, as fragments do: the first
// eight octets are their number.
static bool send_part(struct fars *f, uint32_t slot, uint64_t now_us)
{
	struct far *far = &f->far[slot];
	uint8_t n = f->opts.message_fragments, part = (uint8_t)((far->sn - 1) % n);
	uint64_t no = (far->sn - 1) / n;
	struct user_data d = {.flow_id = FAR_DATA_FLOW, .seq = far->sn, .fsn = far->sn - 1};
	uint8_t body[WINDOW_BODY_MAX + 64];
	struct letter l;

	if (!letter_begin(f, &l, slot, now_us))
		return false;
	if (n > 1)
		d.flags = part == 0       ? USER_DATA_FRA_BEGIN
			  : part == n - 1 ? USER_DATA_FRA_END
					  : USER_DATA_FRA_MIDDLE;
	if (d.seq <= 2 * n) { // until it has surely been acknowledged
		d.flags |= USER_DATA_OPTIONS;
		d.options.has_metadata = true;
		d.options.metadata = flow_kind_metadata(FLOW_GROUP_MAIN);
	}
	for (size_t i = 0; i < f->opts.body_len; i++)
		body[i] = octet_of(slot, no, (size_t)part * f->opts.body_len + i);
	if (part == 0)
		be64_put(body, no);
	d.body = span_of(body, f->opts.body_len);
	far->sn++;
	user_data_write(&l.w, &d);
	letter_end(f, &l);
	f->counts.data_packets++;
	return true;
}

void fars_on_message(struct fars *f, const struct report *r)
{
	const uint8_t *p = r->body->data;
	uint64_t no = be64_get(p);
	bool is_same = r->len == (uint32_t)f->opts.body_len * f->opts.message_fragments;

	if (f->counts.messages++ % FAR_SAMPLE != 0)
		return;
	for (size_t i = 8; i < r->len; i++)
		is_same &= p[i] == octet_of(r->session_idx, no, i);
	f->counts.compared++;
	f->counts.different += !is_same;
}

static void send_messages(struct fars *f, uint32_t n, uint64_t now_us)
{
	for (uint32_t i = 0; i < n && send_part(f, f->next_stream, now_us); i++)
		f->next_stream = (f->next_stream + 1) % f->opts.n_streams;
}

// -- a step --

bool fars_publish(struct fars *f, uint32_t stream, uint64_t now_us)
{
	struct far *far = &f->far[stream];
	struct stream_fragment m = {.flags = STREAM_FRAGMENT_FIRST, .type = 9};
	struct user_data d = {.flow_id = FAR_DATA_FLOW, .seq = far->sn, .fsn = far->sn - 1};
	uint8_t body[WINDOW_BODY_MAX];
	struct wr w = wr_over(body, sizeof(body));
	struct letter l;

	if (!letter_begin(f, &l, stream, now_us))
		return false;
	m.number = ++f->published[stream];
	far->sn++;
	stream_fragment_head_write(&w, &m);
	for (size_t i = 0; i < payload_len(f, m.number); i++)
		body[w.len + i] = octet_of(stream, m.number, i);
	d.body = span_of(body, f->opts.body_len);
	if (d.seq <= 4) { // until it has surely been acknowledged
		d.flags = USER_DATA_OPTIONS;
		d.options.has_metadata = true;
		d.options.metadata = flow_kind_metadata(FLOW_GROUP_FRAGMENTS);
	}
	user_data_write(&l.w, &d);
	letter_end(f, &l);
	f->counts.fragments_in++;
	f->outstanding += f->opts.n_per_stream;
	return true;
}

static void slow_ones(struct fars *f, uint32_t stream)
{
	uint32_t first = f->opts.n_streams + stream * f->opts.n_per_stream;

	for (uint32_t i = first; i < first + f->opts.n_per_stream; i++) {
		struct far *far = &f->far[i];

		if (far->is_slow && far->n_unacked > 0 && ++far->n_waited >= SLOW_EVERY) {
			far->n_waited = 0;
			fars_due(f, i);
		}
	}
}

static bool may_publish(const struct fars *f)
{
	const struct fars_convoy *c = f->opts.convoy;

	if (c == NULL)
		return true;
	return f->opts.worker == 0 &&
	       f->published[0] <= atomic_load_explicit(&c->taken, memory_order_relaxed);
}

static void tell_convoy(struct fars *f)
{
	if (f->opts.convoy != NULL && f->opts.worker > 0)
		atomic_store_explicit(&f->opts.convoy->taken, f->n_data / f->opts.n_per_stream,
				      memory_order_relaxed);
}

void fars_flush(struct fars *f, uint64_t now_us)
{
	acknowledge_due(f, now_us);
	mail_out(f);
}

void fars_step(struct fars *f, uint32_t want, uint64_t now_us)
{
	uint32_t n = f->opts.n_streams;

	f->in.n = 0;
	acknowledge_due(f, now_us);
	if (f->opts.message_fragments > 0) {
		send_messages(f, want, now_us);
		mail_out(f);
		return;
	}
	// Skipped and pulled ones are not counted to the end: an idle relay has nothing
	// outstanding.
	if (f->world->engine->relay->fresh_head == STREAM_NONE)
		f->outstanding = 0;
	if (f->opts.at_once > 1)
		n *= f->opts.at_once;
	for (uint32_t i = 0; i < n && f->outstanding < want && may_publish(f); i++) {
		if (!fars_publish(f, f->next_stream, now_us))
			break;
		if (f->opts.slow_permille > 0)
			slow_ones(f, f->next_stream);
		f->next_stream = (f->next_stream + 1) % f->opts.n_streams;
	}
	mail_out(f);
}

// -- what came out --

// Numbers up to `sn` have come or never will.
static void settle_up_to(uint64_t *cum, uint64_t *above, uint64_t sn)
{
	uint64_t n = sn - *cum;

	if (sn <= *cum)
		return;
	*cum = sn;
	*above = n < 64 ? *above >> (n - 1) : 0;
	while (*above & 1) { // bit 0: the next one
		*cum += 1;
		*above >>= 1;
	}
	*above >>= 1;
}

static void note(struct far *far, uint64_t sn)
{
	if (sn == far->cum + 1)
		settle_up_to(&far->cum, &far->above, sn);
	else if (sn > far->cum + 1 && sn - far->cum - 2 < 64)
		far->above |= 1ull << (sn - far->cum - 2);
}

static bool happens(struct fars *f, uint32_t ppm)
{
	return ppm > 0 && random_below(&f->random, 1000000) < ppm;
}

static void on_data(struct fars *f, uint32_t slot, uint64_t sn, uint64_t fsn)
{
	struct far *far = &f->far[slot];

	f->counts.data_packets++;
	f->n_data++;
	if (happens(f, f->opts.loss_ppm)) {
		f->counts.lost++;
		return;
	}
	f->outstanding -= f->outstanding > 0;
	settle_up_to(&far->cum, &far->above, fsn);
	note(far, sn);
	if (++far->n_unacked > f->counts.unacked_max)
		f->counts.unacked_max = far->n_unacked;
	if (happens(f, f->opts.pull_ppm) && far->sn > 2)
		far->pulls = f->published[far->stream] > 8 ? f->published[far->stream] - 8 : 0;
	if (!far->is_slow && far->n_unacked + far->phase >= ACK_EVERY) {
		far->phase = 0;
		fars_due(f, slot);
	}
}

static void on_peek(struct fars *f, uint32_t slot, struct rd r)
{
	struct far *far = &f->far[slot];
	struct packet_header h;
	uint64_t flow, sn, fsn;
	uint16_t len;
	uint8_t type;

	if (f->opts.has_sseq)
		rd_vlu(&r);
	if (f->opts.tag_len == 0)
		rd_u16(&r);
	packet_header_read(&r, &h);
	far->ts = h.ts;
	type = rd_u8(&r);
	len = rd_u16(&r);
	while (type == CHUNK_ACK_RANGES || type == CHUNK_ACK_BITMAP) { // of what the far end sent
		rd_bytes(&r, len);
		type = rd_u8(&r);
		len = rd_u16(&r);
		if (r.err != 0 || type == CHUNK_PADDING_FF)
			return;
	}
	// A map longer than a packet has the path's MTU probed (pmtu.h). Older peers answer none of
	// that, and neither do these.
	if (type == CHUNK_PADDING_00 && r.err == 0)
		return;
	rd_u8(&r);
	flow = rd_vlu(&r);
	sn = rd_vlu(&r);
	fsn = sn - rd_vlu(&r);
	if (type != CHUNK_USER_DATA || r.err != 0) {
		f->counts.unread++;
	} else if (flow == ENGINE_DATA_FLOW) {
		on_data(f, slot, sn, fsn);
	} else {
		far->has_ctl = true;
		if (sn > far->ctl_cum)
			far->ctl_cum = sn;
		fars_due(f, slot);
	}
}

static bool is_as_published(const struct fars *f, uint32_t slot, struct span plain)
{
	struct rd r = rd_over_span(plain);
	uint32_t stream = f->far[slot].stream;
	struct stream_fragment m;
	struct packet_header h;
	struct user_data d;
	struct chunk c = {0};
	bool is_same;

	if (packet_header_read(&r, &h) != 0)
		return false;
	while (chunk_next(&r, &c) && (c.type == CHUNK_ACK_RANGES || c.type == CHUNK_ACK_BITMAP))
		; // of what the far end sent
	if (c.type != CHUNK_USER_DATA || user_data_read(&d, c.payload) != 0)
		return false;
	if (d.flags & USER_DATA_ABANDON && d.body.len == 0) // a lost one, too late to send again
		return true;
	if (stream_fragment_read(&m, d.body) != 0)
		return false;
	is_same = d.body.len == f->opts.body_len && m.number <= f->published[stream];
	for (size_t i = 0; i < m.payload.len; i++)
		is_same &= m.payload.data[i] == octet_of(stream, m.number, i);
	return is_same;
}

static void compare(struct fars *f, const struct datagram *d)
{
	struct packet_form form = {f->opts.tag_len, f->opts.has_sseq};
	const struct far *far = &f->far[d->slot];
	uint8_t copy[WINDOW_BODY_MAX + 400];
	struct crypto_op op = {.dst = copy, .sched = far->open, .tag_len = form.tag_len};
	int len = packet_form_open_check(form, d->len - SSID_LEN), front = -1;
	uint64_t sseq;

	if (form.tag_len > 0)
		op.hmac = &far->hmac_open;
	if (len > 0 && d->len <= sizeof(copy)) {
		memcpy(copy, d->data + SSID_LEN, d->len - SSID_LEN);
		op.len = (uint16_t)len;
		if (crypto_open(f->crypto, &op, 1) == 1)
			front = packet_form_strip(form, copy, (size_t)len, &sseq);
	}
	f->counts.compared++;
	f->counts.different +=
		front < 0 ||
		!is_as_published(f, d->slot, span_of(copy + front, (size_t)(len - front)));
}

// The first blocks of up to a burst of packets.
static void peek(struct fars *f, const struct datagram *d, uint16_t n)
{
	alignas(16) uint8_t plain[MAIL_MAX][PEEK];
	struct crypto_op ops[MAIL_MAX];

	for (uint16_t i = 0; i < n; i++) {
		size_t len = d[i].len - SSID_LEN - f->opts.tag_len;

		len = len < PEEK ? len : PEEK;
		memcpy(plain[i], d[i].data + SSID_LEN, len);
		ops[i] = (struct crypto_op){
			.sched = f->far[d[i].slot].open, .dst = plain[i], .len = (uint16_t)len};
	}
	crypto_open(f->crypto, ops, n);
	for (uint16_t i = 0; i < n; i++) {
		uint64_t before = f->counts.data_packets;

		on_peek(f, d[i].slot, rd_over(plain[i], ops[i].len));
		if (f->counts.data_packets != before && before % FAR_SAMPLE == 0)
			compare(f, &d[i]);
	}
}

void fars_look(struct fars *f)
{
	uint16_t n = f->world->calls->sent(f->world, f->sent, WORLD_DATAGRAMS), n_ours = 0;

	for (uint16_t i = 0; i < n; i++) // what went to strangers is no concern of theirs
		if (f->sent[i].slot < f->n)
			f->sent[n_ours++] = f->sent[i];
	n = n_ours;
	for (uint16_t i = 0; i < n; i++) {
		f->out.slot[i] = f->sent[i].slot;
		f->out.len[i] = (uint16_t)(f->sent[i].len - SSID_LEN - f->opts.tag_len);
		f->counts.bytes += f->sent[i].len;
	}
	f->out.n = n;
	f->counts.packets += n;
	for (uint16_t at = 0; at < n; at += MAIL_MAX)
		peek(f, f->sent + at, n - at < MAIL_MAX ? n - at : MAIL_MAX);
	tell_convoy(f);
}

void fars_forget(struct fars *f)
{
	f->counts = (struct fars_counts){0};
}
