#include "dataplane/core/cc.h"

static uint32_t clamp(uint64_t v, uint32_t low, uint32_t high)
{
	return v < low ? low : v > high ? high : (uint32_t)v;
}

void cc_open(struct session *s)
{
	s->cwnd_bytes = CWND_INIT_BYTES;
	s->ssthresh_bytes = SSTHRESH_NONE;
	s->growth_bytes = 0;
}

static void on_loss(struct session *s, const struct cc_event *ev)
{
	uint64_t pre = ev->in_flight_before;
	// Real-time senders and large windows are cut gently: the loss is rarely all theirs.
	bool is_gentle = ev->is_tc || (pre > CC_LARGE_INFLIGHT && ev->is_fast);

	s->ssthresh_bytes = clamp(is_gentle ? pre * 7 / 8 : pre / 2, CWND_INIT_BYTES, CC_CWND_MAX);
	s->cwnd_bytes = s->ssthresh_bytes;
	s->growth_bytes = 0;
}

// Additive: `step` octets for every sixteenth of the window that is acknowledged, that is 16 steps
// per round trip, or from 16 * cap on a fixed share.
static uint32_t additive(struct session *s, uint32_t acked, uint32_t cap, uint32_t step)
{
	uint32_t threshold = clamp(s->cwnd_bytes / 16, 64, cap);
	uint64_t growth = (uint64_t)s->growth_bytes + acked;

	s->growth_bytes = (uint32_t)(growth % threshold);
	return clamp(growth / threshold * step, 0, CC_SMSS);
}

static uint32_t increase(struct session *s, const struct cc_event *ev)
{
	bool is_slow_start = s->cwnd_bytes < s->ssthresh_bytes;

	if (ev->is_fast)
		return is_slow_start ? ev->acked_bytes : additive(s, ev->acked_bytes, 4800, 48);
	if (is_slow_start && ev->is_tc)
		return (ev->acked_bytes + 3) / 4;
	return additive(s, ev->acked_bytes, ev->is_tc ? 2400 : 4800, 24);
}

void cc_on_packet(struct session *s, const struct cc_event *ev)
{
	uint32_t inc;

	if (ev->any_loss) {
		on_loss(s, ev);
		return;
	}
	if (!cc_minds(s, ev))
		return;
	inc = clamp(increase(s, ev), 0, CC_SMSS);
	s->cwnd_bytes = clamp((uint64_t)s->cwnd_bytes + inc, CWND_INIT_BYTES, CC_CWND_MAX);
}

void cc_on_timeout(struct session *s, bool had_loss)
{
	uint32_t three_quarters = (uint32_t)((uint64_t)s->cwnd_bytes * 3 / 4);

	// By the letter of Appendix A; "infinite" stays infinite.
	if (s->ssthresh_bytes < three_quarters)
		s->ssthresh_bytes = three_quarters;
	s->growth_bytes = 0;
	s->cwnd_bytes = had_loss ? CC_SMSS : CWND_INIT_BYTES;
}

void cc_cut_begin(struct cc_cut *c, const struct session *s)
{
	if (c->is_taken && c->n_doubted > 0)
		return;
	c->is_taken = true;
	c->is_right = false;
	c->cwnd_bytes = s->cwnd_bytes;
	c->ssthresh_bytes = s->ssthresh_bytes;
}

bool cc_cut_settle(struct cc_cut *c, struct session *s)
{
	bool was_wrong = c->is_taken && !c->is_right;

	if (was_wrong) {
		s->ssthresh_bytes = clamp(c->ssthresh_bytes, s->ssthresh_bytes, SSTHRESH_NONE);
		s->cwnd_bytes = clamp(c->cwnd_bytes, s->cwnd_bytes, CC_CWND_MAX);
	}
	c->is_taken = false;
	c->is_right = false;
	return was_wrong;
}
