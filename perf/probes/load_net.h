// The load generator's network: a DPDK port, and as many addresses on it as there are members. What
// members send to each other is thrown away, as if each were behind a translator that lets nobody
// in: all is between them and the super-peer. It is also the network that sim_node.c knows
// (net_send, net_ip).
#pragma once

#include "dataplane/io/port.h"
#include "perf/probes/load_args.h"
#include "tests/sim/net.h"

#define LOAD_BURST   64
#define LOAD_OUT_MAX 128

struct eal;
struct rte_mbuf;
struct rte_mempool;

struct load_datagram {
	uint32_t host;
	struct net_addr src;
	uint16_t dst_port, len;
	uint8_t *data; // the UDP payload, till load_net_done
};

struct net {
	const struct load_opts *opts;
	struct eal *eal;
	struct rte_mempool *pool;
	struct port port;
	bool has_server_mac;
	struct mac server_mac;
	struct rte_mbuf *in[LOAD_BURST], *out[LOAD_OUT_MAX];
	uint16_t n_in, n_out;
	uint64_t rx_frames, tx_frames, tx_refused;
};

int load_net_open(struct net *, const struct load_opts *); // 0; or says why not
void load_net_close(struct net *);
void load_net_ask(
	struct net *); // who has the server's address? has_server_mac when it has answered

// Datagrams to members from one queue. ARP is answered here. *n_frames: how many came.
uint16_t load_net_receive(struct net *, uint16_t queue, struct load_datagram got[LOAD_BURST],
			  uint16_t *n_frames);
void load_net_done(struct net *); // the frames go back

// Room for the payload of a datagram; NULL: no buffer.
uint8_t *load_net_lend(struct net *, struct rte_mbuf **);
// It leaves with the next flush, or before.
void load_net_send(struct net *, struct rte_mbuf *, uint32_t host, uint16_t src_port,
		   struct net_addr dst, uint16_t len);
void load_net_give(struct rte_mbuf *); // it does not
void load_net_flush(struct net *);
