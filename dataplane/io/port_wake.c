// What wakes a worker that sleeps until a frame comes: one file descriptor per receive queue.
#include "dataplane/io/port_wake.h"

#include <dirent.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/if_packet.h>
#include <rte_ethdev.h>

// -- af_packet: the driver keeps its sockets to itself --

static bool is_packet_socket(int fd, unsigned ifindex)
{
	struct sockaddr_ll a = {0};
	socklen_t len = sizeof(a);

	return getsockname(fd, (struct sockaddr *)&a, &len) == 0 && len >= sizeof(a) - 2 &&
	       a.sll_family == AF_PACKET && (unsigned)a.sll_ifindex == ifindex &&
	       a.sll_protocol != 0;
}

// The driver made one for each queue, in their order, and binds each to the interface.
static void packet_sockets(struct port *p)
{
	unsigned ifindex = if_nametoindex(p->iface);
	int fds[PORT_QUEUES_MAX + 1], n = 0;
	DIR *d = opendir("/proc/self/fd");
	struct dirent *e;

	while (d != NULL && ifindex != 0 && (e = readdir(d)) != NULL && n <= p->n_rx) {
		int fd = atoi(e->d_name), at = n;

		if (e->d_name[0] == '.' || !is_packet_socket(fd, ifindex))
			continue;
		for (; at > 0 && fds[at - 1] > fd; at--)
			fds[at] = fds[at - 1];
		fds[at] = fd;
		n++;
	}
	if (d != NULL)
		closedir(d);
	if (n == p->n_rx) // else somebody else has some there, too, and which is which?
		memcpy(p->rx_fds, fds, (size_t)n * sizeof(fds[0]));
}

// -- drivers that tell --

// Those whose descriptors stay as they are while the port lives: a vhost device's are its far end's
// and change with it.
bool port_wake_is_told(const char *driver, bool is_vdev)
{
	return !is_vdev || strcmp(driver, "net_tap") == 0 || strcmp(driver, "net_virtio_user") == 0;
}

static void interrupt_fds(struct port *p)
{
	p->has_rx_interrupts = rte_eth_dev_rx_intr_enable(p->id, 0) == 0;
	if (p->has_rx_interrupts)
		rte_eth_dev_rx_intr_disable(p->id, 0);
	for (uint16_t i = 0; i < p->n_rx; i++)
		p->rx_fds[i] = rte_eth_dev_rx_intr_ctl_q_get_fd(p->id, i);
}

void port_wake_find(struct port *p)
{
	for (uint16_t i = 0; i < PORT_QUEUES_MAX; i++)
		p->rx_fds[i] = -1;
	if (strcmp(p->driver, "net_af_packet") == 0)
		packet_sockets(p);
	else if (p->can_interrupt)
		interrupt_fds(p);
}
