// A DPDK port: found or made from its device text, configured, started. One queue pair per worker
// where the device has as many; workers then use rte_ethdev's bursts directly.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/io/l2.h"

#define PORT_RX_DESCRIPTORS 1024
#define PORT_TX_DESCRIPTORS 256 // cache figures: a deeper ring holds colder buffers
#define PORT_NAME_MAX       64
#define PORT_QUEUES_MAX     16

struct eal;
struct rte_mempool;

struct port_opts {
	const char *name; // for messages
	// "net_tap0,iface=x" (a virtual device: name and arguments), or a PCI address with optional
	// arguments. A device that exists already is used as it is.
	const char *device;
	uint16_t mtu;
	uint16_t vlan;     // 0: frames have no tag
	bool hears_groups; // IPv6: it shall take frames to multicast addresses
	// Receive queues, unless they come in pairs: n_tx then. 0: n_tx, or as many as there are.
	uint16_t n_rx;
	uint16_t n_tx;                    // transmit queues: one per worker
	struct rte_mempool *const *pools; // per queue
	bool wakes;                       // try to have descriptors that a worker can sleep on
	bool has_one_pool;                // every buffer that is ever sent comes from pools[0]
};

struct port {
	char name[PORT_NAME_MAX];
	char device[PORT_NAME_MAX]; // the device's name, without arguments
	char iface[PORT_NAME_MAX];  // kernel interface behind it; "": none
	char driver[PORT_NAME_MAX];
	uint16_t id; // rte_ethdev's
	uint16_t n_rx, n_tx, mtu;
	struct mac mac;
	bool is_kernels; // a kernel's interface is behind it, whose peers may leave checksums open
	bool checks_udp; // sets checksum flags on receiving,
	bool checks_ip;  // and for IPv4's header
	bool puts_tags;  // puts a VLAN's tag in on sending
	bool fills_udp;  // completes checksums on sending
	bool was_attached;  // by us, so we detach
	bool tells_tx_room; // rte_eth_tx_descriptor_status works
	bool is_vdev;
	bool is_spread; // its redirection table is ours: each receive queue has the same share of it
	// What a worker can sleep on until a frame comes, per receive queue; -1: nothing.
	int rx_fds[PORT_QUEUES_MAX];
	bool can_interrupt;     // configured so
	bool has_rx_interrupts; // they are switched on before a sleep and off after it, and read
};

// 0, or -1 with one line in `why` that names the port and what is missing. Nothing stays behind.
int port_open(struct port *, struct eal *, const struct port_opts *, char *why, size_t why_size);
// Stops it, frees what its rings hold, and gives the device back.
void port_close(struct port *);

// How many frames the transmit queue takes now, at most `most`; `most` where the device does not
// tell.
uint16_t port_tx_room(const struct port *, uint16_t queue, uint16_t most);
bool port_link_is_up(const struct port *);

// The device's own counters.
struct port_device_stats {
	uint64_t rx_frames, rx_bytes, tx_frames, tx_bytes;
	uint64_t rx_missed, rx_errors, rx_no_buffer, tx_errors;
};
void port_device_stats(const struct port *, struct port_device_stats *);
