#include "tests/sim/tcp.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#define INITIAL_WINDOW 3.0   // segments: 4380 octets (RFC 5681 3.1)
#define RTO_INITIAL_US 1e6   // RFC 6298
#define RTO_MIN_US     200e3 // what is in use, not the RFC's second
#define RTO_MAX_US     60e6
#define DELAYED_ACK_US 40000 // what is in use
#define DUPS_FOR_LOSS  3
#define NEVER          UINT64_MAX
#define KIND_DATA      1
#define KIND_ACK       2

void tcp_init(struct tcp *t, struct net *net, uint32_t from, uint32_t to, uint16_t port)
{
	*t = (struct tcp){.net = net,
			  .host = {from, to},
			  .port = port,
			  .cwnd = INITIAL_WINDOW,
			  .ssthresh = INFINITY,
			  .next = 1,
			  .end = 1,
			  .una = 1,
			  .expected = 1,
			  .rto_us = RTO_INITIAL_US,
			  .rto_at_us = NEVER,
			  .ack_at_us = NEVER};
}

static void put(struct tcp *t, int from, uint8_t kind, uint64_t number, uint16_t len,
		uint64_t now_us)
{
	uint8_t data[TCP_HEADER + TCP_MSS] = {kind};
	struct net_addr to = {net_ip(t->net, t->host[!from]), t->port};

	memcpy(data + 4, &number, sizeof(number));
	net_send(t->net, t->host[from], t->port, to, data, len, now_us);
}

// ---- the receiver ----

static void acknowledge(struct tcp *t, uint64_t now_us)
{
	t->owes_ack = false;
	t->ack_at_us = NEVER;
	put(t, 1, KIND_ACK, t->expected, TCP_HEADER, now_us);
}

static void on_data(struct tcp *t, uint64_t number, uint64_t now_us)
{
	bool is_in_order = number == t->expected, had_holes = false;

	assert(number < t->expected + TCP_WINDOW_MAX);
	if (number >= t->expected)
		t->has[number % TCP_WINDOW_MAX] = true;
	for (; t->has[t->expected % TCP_WINDOW_MAX]; t->expected++)
		t->has[t->expected % TCP_WINDOW_MAX] = false;
	for (uint32_t i = 0; i < TCP_WINDOW_MAX && !had_holes; i++)
		had_holes = t->has[i];
	if (!is_in_order || had_holes || t->owes_ack) {
		acknowledge(t, now_us);
	} else {
		t->owes_ack = true;
		t->ack_at_us = now_us + DELAYED_ACK_US;
	}
}

// ---- the sender ----

static void emit(struct tcp *t, uint64_t number, uint64_t now_us)
{
	bool is_new = number == t->end;

	t->n_sent++;
	t->n_resent += !is_new;
	t->end += is_new;
	if (!is_new) {
		t->timed = 0; // Karn: whose answer is it?
	} else if (t->timed == 0) {
		t->timed = number;
		t->timed_us = now_us;
	}
	if (t->rto_at_us == NEVER)
		t->rto_at_us = now_us + (uint64_t)t->rto_us;
	put(t, 0, KIND_DATA, number, TCP_HEADER + TCP_MSS, now_us);
}

void tcp_start(struct tcp *t, uint64_t now_us)
{
	while ((double)(t->next - t->una) + 1 <= t->cwnd && t->next < t->una + TCP_WINDOW_MAX)
		emit(t, t->next++, now_us);
}

static void measure(struct tcp *t, double rtt_us)
{
	if (t->srtt_us == 0) {
		t->srtt_us = rtt_us;
		t->rttvar_us = rtt_us / 2;
	} else {
		t->rttvar_us += (fabs(t->srtt_us - rtt_us) - t->rttvar_us) / 4;
		t->srtt_us += (rtt_us - t->srtt_us) / 8;
	}
	t->rto_us = fmin(fmax(t->srtt_us + 4 * t->rttvar_us, RTO_MIN_US), RTO_MAX_US);
}

static double half_of_flight(const struct tcp *t)
{
	return fmax((double)(t->next - t->una) / 2, 2);
}

static void on_dup(struct tcp *t, uint64_t now_us)
{
	t->n_dups++;
	if (t->is_recovering) {
		t->cwnd += 1; // one has left the network
	} else if (t->n_dups == DUPS_FOR_LOSS && t->una > t->recover) {
		t->ssthresh = half_of_flight(t);
		t->cwnd = t->ssthresh + DUPS_FOR_LOSS;
		t->is_recovering = true;
		t->recover = t->end - 1;
		emit(t, t->una, now_us);
	}
}

static void on_progress(struct tcp *t, uint64_t ack, uint64_t now_us)
{
	double acked = (double)(ack - t->una);

	t->una = ack;
	t->next = ack > t->next ? ack : t->next;
	t->n_dups = 0;
	if (t->timed != 0 && ack > t->timed) {
		measure(t, (double)(now_us - t->timed_us));
		t->timed = 0;
	}
	t->rto_at_us = t->una == t->end ? NEVER : now_us + (uint64_t)t->rto_us;
	if (t->is_recovering && ack <= t->recover) { // more of the same flight is missing
		emit(t, t->una, now_us);
		t->cwnd = fmax(t->cwnd - acked + 1, 1);
	} else if (t->is_recovering) {
		t->is_recovering = false;
		t->cwnd = t->ssthresh;
	} else if (t->cwnd < t->ssthresh) {
		t->cwnd += fmin(acked, 1);
	} else {
		t->cwnd += acked / t->cwnd;
	}
}

static void on_ack(struct tcp *t, uint64_t ack, uint64_t now_us)
{
	if (ack > t->una)
		on_progress(t, ack, now_us);
	else if (ack == t->una && t->next > t->una)
		on_dup(t, now_us);
	tcp_start(t, now_us);
}

static void on_timeout(struct tcp *t, uint64_t now_us)
{
	t->n_timeouts++;
	t->ssthresh = half_of_flight(t);
	t->cwnd = 1;
	t->is_recovering = false;
	t->recover = t->end - 1;
	t->n_dups = 0;
	t->rto_us = fmin(2 * t->rto_us, RTO_MAX_US);
	t->rto_at_us = NEVER;
	t->next = t->una; // all of it again, in slow start
	tcp_start(t, now_us);
}

// ---- the outside ----

void tcp_receive(struct tcp *t, uint32_t host, const uint8_t *data, uint16_t len, uint64_t now_us)
{
	uint64_t number;

	assert(len >= TCP_HEADER);
	memcpy(&number, data + 4, sizeof(number));
	if (data[0] == KIND_DATA && host == t->host[1])
		on_data(t, number, now_us);
	else if (data[0] == KIND_ACK && host == t->host[0])
		on_ack(t, number, now_us);
}

void tcp_timers(struct tcp *t, uint64_t now_us)
{
	if (t->ack_at_us <= now_us)
		acknowledge(t, now_us);
	if (t->rto_at_us <= now_us)
		on_timeout(t, now_us);
}

uint64_t tcp_deadline_us(const struct tcp *t)
{
	return t->ack_at_us < t->rto_at_us ? t->ack_at_us : t->rto_at_us;
}

uint64_t tcp_delivered(const struct tcp *t)
{
	return (t->expected - 1) * TCP_MSS;
}
