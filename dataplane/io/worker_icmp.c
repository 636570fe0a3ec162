// ICMP of IPv4, what both families' errors say, and answers to datagrams that nobody wants.
#include "dataplane/io/icmp.h"
#include "dataplane/io/icmp_error.h"
#include "dataplane/io/worker_parts.h"

enum drop_reason worker_send_echo(struct worker *w, uint8_t link, struct rte_mbuf *m)
{
	if (m->pkt_len - L2_LEN > w->host.links[link].mtu)
		return DROP_TX_TOO_BIG; // it came in pieces, and we send none
	if (!bucket_take(&w->echoes, WORKER_ECHOES_S, w->now_us))
		return DROP_ECHO_RATE;
	m->ol_flags = 0;
	w->counters[link].echoes_answered++;
	worker_send(w, link, m);
	return DROP_NONE;
}

// An error says nothing of whose session it concerns: "too big" goes to each worker that it could.
static bool take_too_big(struct worker *w, uint8_t link, const struct icmp_error *e,
			 const struct rte_mbuf *m, bool was_handed)
{
	if (!was_handed && !bucket_take(&w->too_big, WORKER_TOO_BIG_S, w->now_us))
		return false;
	if (engine_too_big(w->engine, &e->too_big, w->now_us))
		return true;
	if (!was_handed)
		worker_tell_others(w, link, m);
	return false;
}

enum drop_reason worker_icmp_error(struct worker *w, uint8_t link, bool is_v6, const uint8_t *icmp,
				   uint16_t len, const struct rte_mbuf *m, bool was_handed)
{
	struct link_counters *c = &w->counters[link];
	struct icmp_error e;
	enum drop_reason why = icmp_error_read(&e, &w->host, is_v6, icmp, len);

	if (!was_handed && e.is_unreachable && (why == DROP_ICMP_ERROR || why == DROP_ICMP_TOO_BIG))
		(is_v6 ? c->unreachable6 : c->unreachable4)[e.code]++;
	if (why == DROP_ICMP_TOO_BIG && take_too_big(w, link, &e, m, was_handed))
		return DROP_NONE;
	return why;
}

void worker_on_icmp(struct worker *w, uint8_t link, const struct frame *f, struct rte_mbuf *m,
		    bool was_handed)
{
	uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *);
	const uint8_t *icmp = frame + L2_LEN + f->v4.header_len;
	uint16_t len = (uint16_t)(f->v4.len - f->v4.header_len);
	enum drop_reason drop = icmp_echo_reply(frame, f->v4.header_len, f->v4.len);

	if (drop == DROP_NONE) {
		drop = worker_send_echo(w, link, m);
		if (drop == DROP_NONE)
			return;
	} else if (drop == DROP_L2_NOT_OURS) {
		drop = icmp_check(icmp, len)
			       ? worker_icmp_error(w, link, false, icmp, len, m, was_handed)
			       : DROP_L3_CHECKSUM;
	}
	if (drop != DROP_NONE)
		worker_drop(w, drop);
	rte_pktmbuf_free(m);
}

// A datagram that was for us, at a port where nobody is. Off by default: silence tells a stranger
// least. frame: it is still whole.
void worker_on_closed_port(struct worker *w, uint8_t link, const struct frame *f,
			   const struct rte_mbuf *m)
{
	uint16_t len = f->is_v6 ? f->v6.len : f->v4.len;
	struct rte_mbuf *out;

	if (!w->host.links[link].says_closed ||
	    !bucket_take(&w->closed, WORKER_CLOSED_S, w->now_us))
		return;
	out = rte_pktmbuf_alloc(w->opts.pool);
	if (out == NULL)
		return;
	w->counters[link].closed_answered++;
	worker_send_built(w, link, out,
			  icmp_error_port_closed(rte_pktmbuf_mtod(out, uint8_t *),
						 rte_pktmbuf_mtod(m, uint8_t *), f->is_v6, len));
}
