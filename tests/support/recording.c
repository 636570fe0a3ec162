#include "tests/support/recording.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "crypto/crypto.h"
#include "tests/support/far_end.h"
#include "tests/support/json.h"
#include "tests/support/pcap.h"

#define EPOCH_US 1700000000000000ull // time 0 of every recording

// ---- complaints ----

static void __attribute__((noreturn, format(printf, 2, 3)))
broken(const struct recording *rec, const char *format, ...)
{
	va_list args;

	fprintf(stderr, "vectors: %s: ", rec->name);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	abort();
}

static void *take(const struct recording *rec, size_t n, size_t size)
{
	void *p = aligned_alloc(64, (n * size + 63) / 64 * 64);

	if (p == NULL)
		broken(rec, "out of memory");
	memset(p, 0, n * size);
	return p;
}

// ---- addresses and endpoints ----

bool msg_addr_equal(const struct msg_addr *a, const struct msg_addr *b)
{
	return a->port == b->port && memcmp(a->ip, b->ip, sizeof(a->ip)) == 0;
}

static struct msg_addr address_of(const struct recording *rec, const char *text)
{
	struct msg_addr a = {.family = 4};

	if (sscanf(text, "%hhu.%hhu.%hhu.%hhu:%hu", &a.ip[0], &a.ip[1], &a.ip[2], &a.ip[3],
		   &a.port) != 5)
		broken(rec, "%s is no address", text);
	return a;
}

static void read_endpoints(struct recording *rec)
{
	struct json *row;

	json_each(row, json_at(json_root(rec->doc), "endpoints"))
	{
		struct rec_endpoint *e = &rec->endpoints[rec->n_endpoints++];

		if (rec->n_endpoints > REC_ENDPOINTS_MAX)
			broken(rec, "too many endpoints");
		e->name = json_text(row, "name");
		e->has_address = json_has(row, "address");
		if (e->has_address)
			e->address = address_of(rec, json_text(row, "address"));
		e->has_certificate = json_has(row, "certificate");
		if (e->has_certificate) {
			e->certificate = json_hex(rec->doc, row, "certificate");
			e->fingerprint = json_hex(rec->doc, row, "fingerprint");
		}
	}
}

// Whose key pair that is.
static uint32_t endpoint_with(const struct recording *rec, const char *public_key)
{
	struct json *row;

	json_each(row, json_at(json_root(rec->doc), "dh_keypairs"))
	{
		if (strcmp(json_text(row, "public"), public_key) != 0)
			continue;
		for (uint32_t i = 0; i < rec->n_endpoints; i++)
			if (strcmp(rec->endpoints[i].name, json_text(row, "endpoint")) == 0)
				return i;
	}
	broken(rec, "nobody has public key %.16s...", public_key);
}

// An address that nobody is known by is how a NAT shows the client of the first session.
static uint32_t endpoint_at(const struct recording *rec, const struct msg_addr *a)
{
	for (uint32_t i = 0; i < rec->n_endpoints; i++)
		if (rec->endpoints[i].has_address && msg_addr_equal(&rec->endpoints[i].address, a))
			return i;
	for (uint32_t i = 0; i < rec->n_sessions; i++)
		for (int end = 0; end < 2; end++)
			if (msg_addr_equal(&rec->sessions[i].address[end], a))
				return rec->sessions[i].endpoint[end];
	return rec->sessions[0].endpoint[0];
}

// ---- sessions ----

// Both ends of one direction.
static void seed_direction(struct recording *rec, struct json *row, bool is_i2r,
			   struct rec_session *s)
{
	struct json *form = json_at(row, is_i2r ? "i2r" : "r2i");
	struct span key =
		json_hex(rec->doc, row, is_i2r ? "initiator_ENCRYPT_KEY" : "initiator_DECRYPT_KEY");
	struct span hmac_key = json_hex(
		rec->doc, row, is_i2r ? "initiator_HMAC_SEND_KEY" : "initiator_HMAC_RECV_KEY");
	struct session_seed *tx = &s->seed[is_i2r ? 0 : 1], *rx = &s->seed[is_i2r ? 1 : 0];
	struct hmac_keys hmac;

	crypto_expand(rec->crypto, key.data, tx->tx_sched, rx->rx_sched);
	crypto_hmac_expand(rec->crypto, hmac_key.data, &hmac);
	memcpy(tx->tx_hmac, hmac.state, sizeof(tx->tx_hmac));
	memcpy(rx->rx_hmac, hmac.state, sizeof(rx->rx_hmac));
	if (json_bool(form, "hmac"))
		tx->tx_tag_len = rx->rx_tag_len = (uint8_t)json_u64(form, "hmacLength");
	if (json_bool(form, "sseq")) {
		tx->flags |= SEED_TX_SSEQ;
		rx->flags |= SEED_RX_SSEQ;
	}
}

static void read_session(struct recording *rec, struct json *row, struct rec_session *s)
{
	s->endpoint[0] = endpoint_with(rec, json_text(row, "initiator_public"));
	s->endpoint[1] = endpoint_with(rec, json_text(row, "responder_public"));
	s->address[0] = address_of(rec, json_text(row, "initiator"));
	s->address[1] = address_of(rec, json_text(row, "responder"));
	s->id[0] = be32_get(json_hex(rec->doc, row, "isid").data);
	s->id[1] = be32_get(json_hex(rec->doc, row, "rsid").data);
	s->nonce[0] = json_hex(rec->doc, row, "initiator_NEAR_NONCE");
	s->nonce[1] = json_hex(rec->doc, row, "initiator_FAR_NONCE");
	s->skic = json_hex(rec->doc, row, "skic");
	s->skrc = json_hex(rec->doc, row, "skrc");
	seed_direction(rec, row, true, s);
	seed_direction(rec, row, false, s);
	for (int end = 0; end < 2; end++) {
		s->seed[end].far = s->address[!end];
		s->seed[end].far_id = s->id[!end];
	}
	s->seed[0].flags |= SEED_INITIATOR;
}

static void read_sessions(struct recording *rec)
{
	struct json *row;

	json_each(row, json_at(json_root(rec->doc), "sessions"))
	{
		if (rec->n_sessions == REC_SESSIONS_MAX)
			broken(rec, "too many sessions");
		read_session(rec, row, &rec->sessions[rec->n_sessions++]);
	}
}

// ---- chunks ----

static void read_flow_options(struct recording *rec, struct json *row, struct rec_chunk *c)
{
	struct json *option;

	json_each(option, json_at(row, "options"))
	{
		struct span value = json_hex(rec->doc, option, "value");

		if (json_u64(option, "type") == FLOW_OPTION_METADATA) {
			c->metadata = value;
		} else {
			c->has_assoc = true;
			c->assoc_id = value.data[0];
		}
	}
}

static bool is_hash_of(struct span hash, struct span octets)
{
	uint8_t digest[SHA256_LEN];

	sha256(octets.data, octets.len, digest);
	return memcmp(digest, hash.data, hash.len) == 0;
}

static void read_user_data(struct recording *rec, struct json *row, struct rec_chunk *c)
{
	size_t len = json_u64(row, "dataLength");

	c->flow_id = json_u64(row, "flowID");
	c->seq = json_u64(row, "seq");
	c->fsn = json_u64(row, "fsn");
	c->flags = (uint8_t)json_u64(row, "flagsByte");
	if (len > c->payload.len)
		broken(rec, "more data than chunk");
	c->body = span_of(c->payload.data + c->payload.len - len, len);
	if (!is_hash_of(json_hex(rec->doc, row, "dataSha256"), c->body))
		broken(rec, "data of flow %llu number %llu has another hash",
		       (unsigned long long)c->flow_id, (unsigned long long)c->seq);
	if (c->flags & USER_DATA_OPTIONS)
		read_flow_options(rec, row, c);
}

static void read_ack(struct recording *rec, struct json *row, struct rec_chunk *c)
{
	struct json *range;

	c->flow_id = json_u64(row, "flowID");
	c->window_blocks = json_u64(row, "bufferBlocksAvailable");
	c->cum = json_u64(row, "cumulativeAck");
	json_each(range, json_at(row, "ranges"))
	{
		if (c->n_ranges == REC_RANGES_MAX)
			broken(rec, "too many ranges");
		c->ranges[c->n_ranges++] =
			(struct seq_range){json_u64(range, "0"), json_u64(range, "1")};
	}
}

static void read_chunk(struct recording *rec, struct json *row, struct rec_chunk *c)
{
	switch (c->type) {
	case CHUNK_USER_DATA:
	case CHUNK_NEXT_USER_DATA:
		read_user_data(rec, row, c);
		break;
	case CHUNK_ACK_RANGES:
		read_ack(rec, row, c);
		break;
	case CHUNK_FLOW_EXCEPTION:
		c->flow_id = json_u64(row, "flowID");
		c->exception = json_u64(row, "exception");
		break;
	case CHUNK_BUFFER_PROBE:
		c->flow_id = json_u64(row, "flowID");
		break;
	}
}

static void read_chunks(struct recording *rec, struct json *row, struct rec_frame *f)
{
	struct json *list = json_at(row, "chunks"), *told;
	struct rd r = rd_over_span(f->plain);
	struct packet_header header;
	struct chunk c;

	f->chunks = take(rec, json_len(list) + 1, sizeof(*f->chunks));
	if (packet_header_read(&r, &header) != 0)
		broken(rec, "frame %u: no packet", f->number);
	json_each(told, list)
	{
		struct rec_chunk *out = &f->chunks[f->n_chunks++];

		if (!chunk_next(&r, &c) || c.type != json_u64(told, "type") ||
		    c.payload.len != json_u64(told, "length"))
			broken(rec, "frame %u: not the chunks that were told", f->number);
		out->type = c.type;
		out->payload = c.payload;
		out->whole = span_of(r.at - c.payload.len - CHUNK_HEADER_LEN,
				     c.payload.len + CHUNK_HEADER_LEN);
		read_chunk(rec, told, out);
	}
}

// ---- frames ----

static struct session_seed default_seed(const struct recording *rec)
{
	struct session_seed seed = {0};

	crypto_expand(rec->crypto, (const uint8_t *)CRYPTO_DEFAULT_KEY, seed.tx_sched,
		      seed.rx_sched);
	return seed;
}

// "default", "session2:r2i"
static void open_frame(struct recording *rec, struct json *row, struct rec_frame *f)
{
	struct span told = json_hex(rec->doc, row, "clear");
	const char *key = json_text(row, "key");
	struct session_seed seed = default_seed(rec);
	uint8_t buf[LOOP_DATAGRAM_MAX], *copy;
	char direction[8];

	f->session = REC_NONE;
	if (sscanf(key, "session%u:%7s", &f->session, direction) == 2) {
		bool is_i2r = strcmp(direction, "i2r") == 0;

		f->session--;
		if (f->session >= rec->n_sessions)
			broken(rec, "frame %u: no such session", f->number);
		seed = rec->sessions[f->session].seed[is_i2r];
		f->to = rec->sessions[f->session].endpoint[is_i2r];
		f->from = rec->sessions[f->session].endpoint[!is_i2r];
	}
	if (seed_open(rec->crypto, &seed, f->datagram, buf, &f->plain) != 0)
		broken(rec, "frame %u does not open", f->number);
	if (f->plain.len != json_u64(row, "clearLength") || told.len > f->plain.len ||
	    memcmp(told.data, f->plain.data, told.len) != 0)
		broken(rec, "frame %u opens to something else", f->number);
	copy = take(rec, 1, f->plain.len);
	memcpy(copy, f->plain.data, f->plain.len);
	f->plain.data = copy;
}

static void read_frame(struct recording *rec, struct json *row, struct rec_frame *f)
{
	const struct pcap_datagram *d = pcap_at(rec->pcap, f->number - 1);
	uint32_t told_id = be32_get(json_hex(rec->doc, row, "sessionID").data);

	f->at_us = d->at_us - EPOCH_US;
	f->src = d->src;
	f->dst = d->dst;
	f->datagram = d->payload;
	f->from = endpoint_at(rec, &d->src);
	f->to = endpoint_at(rec, &d->dst);
	f->is_dropped = json_has(row, "dropped");
	if (ssid_unscramble(f->datagram.data, f->datagram.len, &f->session_id) != 0 ||
	    f->session_id != told_id)
		broken(rec, "frame %u: another session id", f->number);
	open_frame(rec, row, f);
	read_chunks(rec, row, f);
}

static void read_frames(struct recording *rec)
{
	struct json *list = json_at(json_root(rec->doc), "frames"), *row;

	if (json_len(list) != pcap_n(rec->pcap))
		broken(rec, "as many frames as packets there must be");
	rec->frames = take(rec, json_len(list), sizeof(*rec->frames));
	json_each(row, list)
	{
		struct rec_frame *f = &rec->frames[rec->n_frames++];

		f->number = rec->n_frames;
		if (f->number != json_u64(row, "frame"))
			broken(rec, "frames are not in order");
		read_frame(rec, row, f);
	}
}

static void read_events(struct recording *rec)
{
	struct json *list = json_at(json_root(rec->doc), "events"), *row;

	rec->events = take(rec, json_len(list) + 1, sizeof(*rec->events));
	json_each(row, list)
	{
		struct rec_event *e = &rec->events[rec->n_events++];

		e->at_us = (uint64_t)llround(json_double(row, "t") * 1e6);
		e->endpoint = json_text(row, "endpoint");
		e->what = json_text(row, "what");
	}
}

// ---- all of it ----

struct recording *recording_load(const char *name)
{
	struct recording *rec = aligned_alloc(64, sizeof(*rec));
	char path[128];

	if (rec == NULL)
		abort();
	memset(rec, 0, sizeof(*rec));
	rec->name = name;
	rec->crypto = crypto_create(CRYPTO_SOFT);
	if (rec->crypto == NULL)
		broken(rec, "no crypto");
	snprintf(path, sizeof(path), "rtmfp/%s.json", name);
	rec->doc = json_load(path);
	snprintf(path, sizeof(path), "rtmfp/%s.pcap", name);
	rec->pcap = pcap_load(path);
	read_endpoints(rec);
	read_sessions(rec);
	read_frames(rec);
	read_events(rec);
	return rec;
}

void recording_free(struct recording *rec)
{
	for (uint32_t i = 0; i < rec->n_frames; i++) {
		free(rec->frames[i].chunks);
		free((void *)(uintptr_t)rec->frames[i].plain.data);
	}
	free(rec->frames);
	free(rec->events);
	crypto_destroy(rec->crypto);
	pcap_free(rec->pcap);
	json_free(rec->doc);
	free(rec);
}
