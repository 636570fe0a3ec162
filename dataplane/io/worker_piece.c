// IP fragments on their way to a whole packet, which then comes in as if it had never been cut.
#include "dataplane/io/ip_frag.h"
#include "dataplane/io/worker_parts.h"

// What a mbuf of ours holds of a packet's payload.
uint16_t worker_piece_room(const struct worker *w)
{
	uint16_t room = rte_pktmbuf_data_room_size(w->opts.pool) - RTE_PKTMBUF_HEADROOM;

	return (uint16_t)(room - L2_LEN - IP_FRAG_HEADER_MAX);
}

static struct ip_frag_piece piece_of(uint8_t link, const struct frame *f, const uint8_t *packet)
{
	if (f->is_v6)
		return (struct ip_frag_piece){
			.src = ip_of_v6(f->v6.src),
			.dst = ip_of_v6(f->v6.dst),
			.id = f->v6.id,
			.proto = f->v6.proto,
			.link = link,
			.has_more = f->v6.has_more,
			.offset = f->v6.offset,
			.data = span_of(packet + f->v6.header_len, f->v6.len - f->v6.header_len)};
	return (struct ip_frag_piece){
		.src = ip_of_v4(f->v4.src),
		.dst = ip_of_v4(f->v4.dst),
		.id = f->v4.id,
		.proto = f->v4.proto,
		.link = link,
		.has_more = f->v4.has_more,
		.offset = f->v4.offset,
		.data = span_of(packet + f->v4.header_len, f->v4.len - f->v4.header_len)};
}

struct rte_mbuf *worker_on_piece(struct worker *w, uint8_t link, const struct frame *f,
				 struct rte_mbuf *m)
{
	const uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *);
	struct ip_frag_piece p = piece_of(link, f, frame + L2_LEN);
	struct rte_mbuf *out = NULL;
	struct span whole;

	w->counters[link].pieces++;
	if (ip_frag_add(w->pieces, &p, w->now_ms, &whole)) {
		out = rte_pktmbuf_alloc(w->opts.pool);
		if (out == NULL)
			worker_drop(w, DROP_IP_FRAG_FULL);
	}
	if (out != NULL) {
		uint8_t *to = rte_pktmbuf_mtod(out, uint8_t *);

		memcpy(to, frame, L2_LEN);
		out->data_len = (uint16_t)(L2_LEN + ip_frag_write(to + L2_LEN, &p, whole));
		out->pkt_len = out->data_len;
		out->vlan_tci = m->vlan_tci;
		out->ol_flags = m->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED;
		w->counters[link].reassembled++;
	}
	rte_pktmbuf_free(m);
	return out;
}
