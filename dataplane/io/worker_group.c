// IP multicast: what members say to groups that we listen to, and who asks which ones those are.
#include "dataplane/io/igmp.h"
#include "dataplane/io/worker_parts.h"

// Whichever worker gets it: control looks at it, sessions have no part in it.
void worker_on_group(struct worker *w, const struct frame *f, struct rte_mbuf *m)
{
	struct pkt p = {.data = f->payload,
			.len = f->payload_len,
			.port = f->src_port,
			.family = f->is_v6 ? 6 : 4,
			.session_idx = SESSION_NONE,
			.path_idx = PATH_NONE};

	if (f->is_v6)
		memcpy(p.addr, f->v6.src, IP_LEN);
	else
		be32_put(p.addr, f->v4.src);
	engine_rx_datagrams(w->engine, &p, 1, w->now_us);
	rte_pktmbuf_free(m);
}

// The first worker speaks for all, whoever heard the question.
void worker_on_igmp(struct worker *w, uint8_t link, const struct frame *f, struct rte_mbuf *m,
		    bool was_handed)
{
	const uint8_t *igmp = rte_pktmbuf_mtod(m, uint8_t *) + L2_LEN + f->v4.header_len;
	uint32_t delay_ms;
	enum drop_reason drop =
		igmp_read_query(&delay_ms, &f->v4, igmp, (uint16_t)(f->v4.len - f->v4.header_len));

	if (drop == DROP_NONE && !was_handed)
		worker_tell_others(w, link, m);
	if (drop == DROP_NONE)
		presence_on_query(&w->presence[link], delay_ms, worker_chance(w), w->now_ms);
	else
		worker_drop(w, DROP_L2_NOT_OURS); // others' reports come here, too
	rte_pktmbuf_free(m);
}
