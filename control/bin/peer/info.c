// annulus-peer info: shake hands, connect, tell what was found.
#include <stdio.h>
#include <string.h>

#include "control/member/clock.h"
#include "control/bin/peer/peer.h"

#define RTT_WAIT_US 1500000 // a round trip is measured by then, if it ever is

struct info {
	struct peer peer;
	bool is_connected;
	char failure[240], so_far[200]; // why it is over; what is known until then
};

static void take_events(void *ctx, struct member *m)
{
	struct info *i = ctx;
	struct node_event e;

	while (node_event(member_node(m), &e, clock_us())) {
		if (e.kind == NODE_CONNECTED)
			i->is_connected = true;
		if (e.kind == NODE_CONNECT_UNANSWERED)
			snprintf(i->so_far, sizeof(i->so_far), "%s", e.text);
		if (e.kind == NODE_CONNECT_FAILED || e.kind == NODE_DISCONNECTED)
			snprintf(i->failure, sizeof(i->failure), "%s",
				 e.text != NULL ? e.text : "disconnected");
	}
}

static void print_hex(const char *label, const uint8_t *data, uint32_t len)
{
	printf("%s", label);
	for (uint32_t i = 0; i < len; i++)
		printf("%02x", data[i]);
	putchar('\n');
}

static void print_direction(const char *label, uint8_t tag_len, bool has_sseq)
{
	printf("%s", label);
	if (tag_len > 0)
		printf("HMAC-SHA256, %u octets", tag_len);
	else
		printf("simple checksum");
	printf("%s\n", has_sseq ? ", sequence numbers" : "");
}

static void print_session(struct node *node, const struct ctl_session *s, const char *uri)
{
	char addr[WIRE_ADDR_TEXT_MAX];
	uint32_t rtt_us = node_session_rtt_us(node, s);

	printf("uri        %s\n", uri);
	printf("address    %s\n", wire_addr_format(&s->far, addr));
	print_hex("peer ID    ", s->fingerprint, sizeof(s->fingerprint));
	if (rtt_us > 0)
		printf("rtt        %.1f ms\n", rtt_us / 1e3);
	else
		printf("rtt        below the 4 ms that RTMFP can measure\n");
	printf("dh group   %u\n", s->dh_group);
	print_direction("we send    ", s->tx_tag_len, s->tx_sseq);
	print_direction("they send  ", s->rx_tag_len, s->rx_sseq);
	printf("connect    NetConnection.Connect.Success\n");
}

static int run(struct info *i, struct member *m)
{
	uint32_t wait_s = i->peer.args->wait_s;
	uint64_t start = clock_us(),
		 give_up = wait_s > 0 ? start + wait_s * 1000000ull : UINT64_MAX;
	uint64_t measured = 0;
	struct node_conn *conn;

	conn = node_connect(member_node(m), i->peer.servers[0].uri, i->peer.servers[0].addrs,
			    i->peer.servers[0].n_addrs, start);
	if (conn == NULL) {
		peer_error("no room for a connection");
		return PEER_CONNECT;
	}
	while (!peer_interrupted && i->failure[0] == '\0') {
		const struct ctl_session *s = node_conn_session(conn);
		uint64_t now = clock_us();

		if (i->is_connected && measured == 0)
			measured = now + RTT_WAIT_US;
		if (i->is_connected && s != NULL &&
		    (node_session_rtt_us(member_node(m), s) > 0 || now >= measured)) {
			print_session(member_node(m), s, i->peer.servers[0].uri);
			return PEER_OK;
		}
		if (now >= give_up) {
			snprintf(i->failure, sizeof(i->failure), "%s (waited %u s)",
				 i->so_far[0] != '\0' ? i->so_far : "nobody answered", wait_s);
			break;
		}
		member_loop_once(i->peer.loop, now + 50000, take_events, i);
	}
	peer_error("could not connect to %s: %s", i->peer.servers[0].uri,
		   i->failure[0] != '\0' ? i->failure : "interrupted");
	return PEER_CONNECT;
}

int peer_info(const struct peer_args *a)
{
	struct info i = {.is_connected = false};
	struct identity id;
	struct member *m;
	int err = peer_start(&i.peer, a);

	if (err != 0)
		return err;
	err = peer_server_resolve(&i.peer.servers[0], a->file);
	i.peer.n_servers = 1;
	if (err == 0)
		err = peer_identity(&i.peer, &id);
	if (err == 0) {
		m = peer_member_create(&i.peer, &id);
		err = m != NULL ? run(&i, m) : PEER_CONNECT;
		if (m != NULL)
			peer_leave(&i.peer, m);
	}
	peer_stop(&i.peer);
	return err;
}
