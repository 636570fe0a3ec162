#include "dataplane/io/port.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <rte_dev.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>

#include "dataplane/io/eal.h"
#include "dataplane/io/port_device.h"
#include "dataplane/io/port_wake.h"

#define RX_OFFLOADS (RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM)
#define TX_OFFLOADS (RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM)
#define RSS_TYPES                                                                                  \
	(RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_NONFRAG_IPV4_UDP | RTE_ETH_RSS_IPV6 |                      \
	 RTE_ETH_RSS_NONFRAG_IPV6_UDP)

// Opening one: the port, where to say why not, and for what.
struct opening {
	struct port *p;
	const struct port_opts *opts;
	struct eal *eal;
	struct rte_eth_dev_info info;
	char *why;
	size_t why_size;
	uint16_t n_rx; // receive queues
};

// "port NAME (DEVICE): ...". Returns -1.
__attribute__((format(printf, 2, 3))) static int fail(struct opening *o, const char *fmt, ...)
{
	int len = snprintf(o->why, o->why_size, "port %s (%s): ", o->opts->name, o->opts->device);
	va_list ap;

	if (len < 0 || (size_t)len >= o->why_size)
		return -1;
	va_start(ap, fmt);
	vsnprintf(o->why + len, o->why_size - (size_t)len, fmt, ap);
	va_end(ap);
	return -1;
}

// The same with what the driver said.
static int fail_driver(struct opening *o, const char *what, int err)
{
	char line[EAL_LINE_MAX];

	eal_reason(o->eal, line);
	return fail(o, "%s: %s%s%s", what, rte_strerror(-err), line[0] != '\0' ? "; " : "", line);
}

// -- the device --

static const char *const kernels_drivers[] = {"net_af_packet", "net_af_xdp", "net_tap", "net_pcap"};

static bool is_kernels(const char *driver)
{
	for (size_t i = 0; i < sizeof(kernels_drivers) / sizeof(kernels_drivers[0]); i++)
		if (strcmp(driver, kernels_drivers[i]) == 0)
			return true;
	return false;
}

static int attach(struct opening *o)
{
	struct port *p = o->p;
	struct device_text d;
	char why[EAL_LINE_MAX], iface[DEVICE_TEXT_MAX];
	int err;

	if (device_text_read(&d, o->opts->device) != 0 || strlen(d.name) >= PORT_NAME_MAX ||
	    (o->opts->n_tx > 1 && device_text_add_queues(&d, o->opts->n_tx) != 0))
		return fail(o, "the device's text is empty or too long");
	o->n_rx = device_text_has_pairs(&d) ? o->opts->n_tx : o->opts->n_rx;
	snprintf(p->device, sizeof(p->device), "%.63s", d.name);
	if (device_text_arg(&d, "iface", iface))
		snprintf(p->iface, sizeof(p->iface), "%.63s", iface);
	p->is_vdev = !d.is_pci;
	if (rte_eth_dev_get_port_by_name(p->device, &p->id) == 0)
		return 0;
	if (device_check(&d, why, sizeof(why)) != 0)
		return fail(o, "%s", why);
	if (d.is_pci)
		return fail(o, "no DPDK driver has it: bind it to vfio-pci (dpdk-devbind.py), and "
			       "see that the driver is installed");
	err = rte_eal_hotplug_add("vdev", d.name, d.args);
	if (err != 0)
		return fail_driver(o, "the device does not come up", err);
	p->was_attached = true;
	if (rte_eth_dev_get_port_by_name(p->device, &p->id) != 0)
		return fail(o, "this device is no network port");
	return 0;
}

static void detach(struct port *p)
{
	if (p->was_attached)
		rte_eal_hotplug_remove("vdev", p->device);
	p->was_attached = false;
}

// -- configuration --

static int check_queues(struct opening *o)
{
	const struct port_opts *opts = o->opts;

	if (o->n_rx <= o->info.max_rx_queues && opts->n_tx <= o->info.max_tx_queues)
		return 0;
	return fail(o,
		    "%u receive and %u transmit queues (one per worker) are asked for, it has %u "
		    "and %u",
		    o->n_rx, opts->n_tx, o->info.max_rx_queues, o->info.max_tx_queues);
}

// A virtual device would put tags in by software, too, some of them only behind a call of its own;
// ours come with the headers and cost nothing.
static void choose_tags(struct opening *o, struct rte_eth_conf *conf)
{
	if (o->opts->vlan == 0)
		return;
	conf->rxmode.offloads |= RTE_ETH_RX_OFFLOAD_VLAN_STRIP & o->info.rx_offload_capa;
	if (!o->p->is_vdev)
		conf->txmode.offloads |= RTE_ETH_TX_OFFLOAD_VLAN_INSERT & o->info.tx_offload_capa;
	o->p->puts_tags = (conf->txmode.offloads & RTE_ETH_TX_OFFLOAD_VLAN_INSERT) != 0;
}

static void choose(struct opening *o, struct rte_eth_conf *conf)
{
	const struct rte_eth_dev_info *info = &o->info;
	struct port *p = o->p;

	conf->intr_conf.rxq = p->can_interrupt;
	conf->rxmode.mtu = o->opts->mtu;
	conf->rxmode.offloads = RX_OFFLOADS & info->rx_offload_capa;
	conf->txmode.offloads = TX_OFFLOADS & info->tx_offload_capa;
	choose_tags(o, conf);
	p->checks_udp = (conf->rxmode.offloads & RTE_ETH_RX_OFFLOAD_UDP_CKSUM) != 0;
	p->checks_ip = (conf->rxmode.offloads & RTE_ETH_RX_OFFLOAD_IPV4_CKSUM) != 0;
	p->fills_udp = (conf->txmode.offloads & RTE_ETH_TX_OFFLOAD_UDP_CKSUM) != 0;
	if (o->opts->has_one_pool)
		conf->txmode.offloads |= RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE & info->tx_offload_capa;
	if (o->n_rx > 1 && (info->flow_type_rss_offloads & RSS_TYPES) != 0) {
		conf->rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
		conf->rx_adv_conf.rss_conf.rss_hf = RSS_TYPES & info->flow_type_rss_offloads;
	}
}

static int setup_queues(struct opening *o, const struct rte_eth_conf *conf)
{
	uint16_t n_rx_desc = PORT_RX_DESCRIPTORS, n_tx_desc = PORT_TX_DESCRIPTORS;
	struct rte_eth_rxconf rx = o->info.default_rxconf;
	struct rte_eth_txconf tx = o->info.default_txconf;
	int socket = rte_eth_dev_socket_id(o->p->id);
	int err = rte_eth_dev_adjust_nb_rx_tx_desc(o->p->id, &n_rx_desc, &n_tx_desc);

	rx.offloads = conf->rxmode.offloads;
	tx.offloads = conf->txmode.offloads;
	for (uint16_t i = 0; err == 0 && i < o->n_rx; i++)
		err = rte_eth_rx_queue_setup(o->p->id, i, n_rx_desc, (unsigned)socket, &rx,
					     o->opts->pools[i]);
	for (uint16_t i = 0; err == 0 && i < o->opts->n_tx; i++)
		err = rte_eth_tx_queue_setup(o->p->id, i, n_tx_desc, (unsigned)socket, &tx);
	return err == 0 ? 0 : fail_driver(o, "its queues cannot be made", err);
}

// Not every virtual device lets its MTU be set; then ours is a limit on what we send.
static int set_mtu(struct opening *o)
{
	uint16_t mtu = 0;
	int err;

	if (rte_eth_dev_get_mtu(o->p->id, &mtu) == 0 && mtu == o->opts->mtu && mtu == RTE_ETHER_MTU)
		return 0;
	err = rte_eth_dev_set_mtu(o->p->id, o->opts->mtu);
	if (err == 0 || err == -ENOTSUP)
		return 0;
	return fail(o, "it refuses an MTU of %u: %s", o->opts->mtu, rte_strerror(-err));
}

static int configure(struct opening *o)
{
	struct rte_eth_conf conf = {0};
	int err;

	if (o->n_rx == 0)
		o->n_rx = o->opts->n_tx < o->info.max_rx_queues ? o->opts->n_tx
								: o->info.max_rx_queues;
	if (check_queues(o) != 0)
		return -1;
	if (o->opts->mtu > o->info.max_mtu)
		return fail(o, "an MTU of %u is too much for it, %u is the most", o->opts->mtu,
			    o->info.max_mtu);
	choose(o, &conf);
	err = rte_eth_dev_configure(o->p->id, o->n_rx, o->opts->n_tx, &conf);
	if (err != 0)
		return fail_driver(o, "it cannot be configured", err);
	if (set_mtu(o) != 0)
		return -1;
	return setup_queues(o, &conf);
}

// -- opening and closing --

// Which queue a hash leads to: every one the same share of the table, whatever the device's own
// choice is (some leave queues out, others keep what the program before has set).
static void spread(struct opening *o)
{
	struct rte_eth_rss_reta_entry64 table[RTE_ETH_RSS_RETA_SIZE_512 / RTE_ETH_RETA_GROUP_SIZE] =
		{{0}};
	uint16_t n = o->info.reta_size;

	if (o->n_rx < 2 || n == 0 || n > RTE_ETH_RSS_RETA_SIZE_512)
		return; // one queue, or it has a way of its own: then new sessions are spread
			// (README)
	for (uint16_t i = 0; i < n; i++) {
		struct rte_eth_rss_reta_entry64 *e = &table[i / RTE_ETH_RETA_GROUP_SIZE];

		e->mask |= UINT64_C(1) << i % RTE_ETH_RETA_GROUP_SIZE;
		e->reta[i % RTE_ETH_RETA_GROUP_SIZE] = i % o->n_rx;
	}
	o->p->is_spread = rte_eth_dev_rss_reta_update(o->p->id, table, n) == 0;
}

static int start(struct opening *o)
{
	struct rte_ether_addr mac;
	struct port *p = o->p;
	int err = rte_eth_dev_start(p->id);

	if (err != 0)
		return fail_driver(o, "it does not start", err);
	err = rte_eth_macaddr_get(p->id, &mac);
	if (err != 0) {
		rte_eth_dev_stop(p->id);
		return fail_driver(o, "it has no address", err);
	}
	memcpy(&p->mac, &mac, sizeof(p->mac));
	// A TAP's address is that of the kernel's end of the cable. Ours is the other end.
	if (strcmp(o->info.driver_name, "net_tap") == 0)
		p->mac.octets[MAC_LEN - 1] ^= 1;
	if (o->opts->hears_groups && rte_eth_allmulticast_enable(p->id) != 0)
		rte_eth_promiscuous_enable(p->id); // what knows neither hears everything anyway
	p->tells_tx_room = rte_eth_tx_descriptor_status(p->id, 0, 0) >= 0;
	spread(o);
	return 0;
}

// Without interrupts if it cannot have them.
static int bring_up(struct opening *o)
{
	struct port *p = o->p;
	int err = rte_eth_dev_info_get(p->id, &o->info);

	if (err != 0)
		return fail_driver(o, "it does not describe itself", err);
	snprintf(p->driver, sizeof(p->driver), "%s", o->info.driver_name);
	p->can_interrupt = o->opts->wakes && port_wake_is_told(p->driver, p->is_vdev);
	if (p->can_interrupt && configure(o) == 0 && start(o) == 0)
		return 0;
	p->can_interrupt = false;
	eal_forget_reason(o->eal);
	return configure(o) == 0 ? start(o) : -1;
}

int port_open(struct port *p, struct eal *eal, const struct port_opts *opts, char *why,
	      size_t why_size)
{
	struct opening o = {.p = p, .opts = opts, .eal = eal, .why = why, .why_size = why_size};

	memset(p, 0, sizeof(*p));
	snprintf(p->name, sizeof(p->name), "%s", opts->name);
	eal_forget_reason(eal);
	if (attach(&o) != 0)
		goto detach;
	if (bring_up(&o) != 0)
		goto close;
	p->n_rx = o.n_rx;
	p->n_tx = opts->n_tx;
	p->mtu = opts->mtu;
	p->is_kernels = is_kernels(p->driver);
	port_wake_find(p);
	return 0;
close:
	rte_eth_dev_close(p->id);
detach:
	detach(p);
	return -1;
}

void port_close(struct port *p)
{
	rte_eth_dev_stop(p->id);
	rte_eth_dev_close(p->id);
	detach(p);
}

// -- looking --

// Descriptors are used in order, so the last of a free stretch tells about all before it.
uint16_t port_tx_room(const struct port *p, uint16_t queue, uint16_t most)
{
	uint16_t n = most;

	if (!p->tells_tx_room)
		return most;
	while (n > 0 && rte_eth_tx_descriptor_status(p->id, queue, (uint16_t)(n - 1)) !=
				RTE_ETH_TX_DESC_DONE)
		n /= 2;
	return n;
}

bool port_link_is_up(const struct port *p)
{
	struct rte_eth_link link = {0};

	return rte_eth_link_get_nowait(p->id, &link) == 0 && link.link_status == RTE_ETH_LINK_UP;
}

void port_device_stats(const struct port *p, struct port_device_stats *s)
{
	struct rte_eth_stats raw = {0};

	rte_eth_stats_get(p->id, &raw);
	*s = (struct port_device_stats){
		.rx_frames = raw.ipackets,
		.rx_bytes = raw.ibytes,
		.tx_frames = raw.opackets,
		.tx_bytes = raw.obytes,
		.rx_missed = raw.imissed,
		.rx_errors = raw.ierrors,
		.rx_no_buffer = raw.rx_nombuf,
		.tx_errors = raw.oerrors,
	};
}
