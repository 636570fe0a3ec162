#include "tests/net/io_peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if_arp.h>
#include <netinet/ip_icmp.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

#define ANSWER_MS    2000
#define FLOOD_WINDOW 64 // datagrams between two pings: far less than the port's ring holds

enum op {
	OP_PING,
	OP_ARP,
	OP_FLOOD,
	OP_ASK,
	OP_BURST,
};

struct question {
	enum op op;
	uint32_t n;
	uint16_t len;
	uint8_t data[2048];
};

struct answer {
	uint32_t n;
	uint16_t len;
	uint8_t data[2048];
};

struct io_peer {
	pid_t pid;
	int fd;
};

// -- in the peer's process --

struct peer {
	struct sockaddr_in far;
	bool is_connected;
	int udp, icmp;
	uint16_t echo_seq;
};

static bool answered_within(int fd, int ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, ms) == 1;
}

static uint16_t checksum(const void *data, size_t len)
{
	const uint16_t *words = data;
	uint32_t sum = 0;

	for (size_t i = 0; i < len / 2; i++)
		sum += words[i];
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t) ~(sum + (sum >> 16));
}

static bool ping_once(struct peer *p)
{
	struct icmphdr h = {.type = ICMP_ECHO};
	uint8_t in[2048];
	ssize_t len;

	h.un.echo.id = htons(0x6e70);
	h.un.echo.sequence = htons(++p->echo_seq);
	h.checksum = checksum(&h, sizeof(h));
	if (sendto(p->icmp, &h, sizeof(h), 0, (struct sockaddr *)&p->far, sizeof(p->far)) < 0)
		return false;
	while (answered_within(p->icmp, ANSWER_MS)) {
		const struct icmphdr *back = (const void *)(in + 20);

		len = recv(p->icmp, in, sizeof(in), 0);
		if (len >= 28 && back->type == ICMP_ECHOREPLY &&
		    back->un.echo.sequence == h.un.echo.sequence)
			return true;
	}
	return false;
}

static void do_ping(struct peer *p, const struct question *q, struct answer *a)
{
	for (uint32_t i = 0; i < q->n; i++)
		a->n += ping_once(p);
}

static void do_arp(struct peer *p, struct answer *a)
{
	struct arpreq r = {.arp_dev = "eth0"};

	memcpy(&r.arp_pa, &p->far, sizeof(p->far));
	if (ioctl(p->udp, SIOCGARP, &r) < 0 || (r.arp_flags & ATF_COM) == 0)
		return;
	a->n = 1;
	memcpy(a->data, r.arp_ha.sa_data, 6);
}

static void do_flood(struct peer *p, const struct question *q, struct answer *a)
{
	uint32_t random = 0x5eed;
	uint8_t octets[1400];

	for (size_t i = 0; i < sizeof(octets); i++)
		octets[i] = (uint8_t)(random = random * 1664525 + 1013904223) >> 3;
	for (uint32_t i = 0; i < q->n; i++) {
		random = random * 1664525 + 1013904223;
		octets[random % 64] ^= (uint8_t)(random >> 24);
		a->n += send(p->udp, octets, (random >> 8) % sizeof(octets), 0) >= 0;
		if (i % FLOOD_WINDOW == FLOOD_WINDOW - 1)
			ping_once(p);
	}
	ping_once(p); // everything before it was taken
}

static void do_ask(struct peer *p, const struct question *q, struct answer *a)
{
	ssize_t len;

	if (send(p->udp, q->data, q->len, 0) < 0 || !answered_within(p->udp, ANSWER_MS))
		return;
	len = recv(p->udp, a->data, sizeof(a->data), 0);
	a->len = len > 0 ? (uint16_t)len : 0;
}

static void do_burst(struct peer *p, const struct question *q, struct answer *a)
{
	static uint8_t octets[60000];
	int segment = q->len;

	if (setsockopt(p->udp, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof(segment)) < 0)
		return;
	a->n = send(p->udp, octets, (size_t)q->n * q->len, 0) >= 0;
	segment = 0;
	setsockopt(p->udp, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof(segment));
	ping_once(p);
}

static void serve(struct peer *p, int fd)
{
	struct question q;

	while (recv(fd, &q, sizeof(q), 0) == sizeof(q)) {
		struct answer a = {0};

		// Not earlier: with TAP, the appliance makes the interface.
		if (!p->is_connected)
			p->is_connected =
				connect(p->udp, (struct sockaddr *)&p->far, sizeof(p->far)) == 0;
		switch (q.op) {
		case OP_PING:
			do_ping(p, &q, &a);
			break;
		case OP_ARP:
			do_arp(p, &a);
			break;
		case OP_FLOOD:
			do_flood(p, &q, &a);
			break;
		case OP_ASK:
			do_ask(p, &q, &a);
			break;
		case OP_BURST:
			do_burst(p, &q, &a);
			break;
		}
		if (send(fd, &a, sizeof(a), 0) < 0)
			return;
	}
}

static void live(const char *netns, const char *far_ip, uint16_t far_port, int fd)
{
	struct peer p = {.far = {.sin_family = AF_INET, .sin_port = htons(far_port)}};
	int ns = open(netns, O_RDONLY | O_CLOEXEC);

	if (ns < 0 || setns(ns, CLONE_NEWNET) < 0) {
		perror(netns);
		_exit(1);
	}
	inet_pton(AF_INET, far_ip, &p.far.sin_addr);
	p.udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	p.icmp = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);
	if (p.udp < 0 || p.icmp < 0) {
		perror("sockets");
		_exit(1);
	}
	serve(&p, fd);
	_exit(0);
}

// -- in the test's --

struct io_peer *io_peer_start(const char *netns, const char *far_ip, uint16_t far_port)
{
	struct io_peer *p = calloc(1, sizeof(*p));
	int fds[2];

	if (p == NULL || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		abort();
	p->fd = fds[0];
	p->pid = fork();
	if (p->pid == 0) {
		close(fds[0]);
		live(netns, far_ip, far_port, fds[1]);
	}
	close(fds[1]);
	return p;
}

void io_peer_stop(struct io_peer *p)
{
	close(p->fd);
	waitpid(p->pid, NULL, 0);
	free(p);
}

static struct answer ask(struct io_peer *p, const struct question *q)
{
	struct answer a = {0};

	if (send(p->fd, q, sizeof(*q), 0) < 0 || recv(p->fd, &a, sizeof(a), 0) != sizeof(a)) {
		fprintf(stderr, "the peer's process is gone\n");
		abort();
	}
	return a;
}

uint32_t io_peer_ping(struct io_peer *p, uint32_t n)
{
	return ask(p, &(struct question){.op = OP_PING, .n = n}).n;
}

bool io_peer_arp(struct io_peer *p, uint8_t mac[6])
{
	struct answer a = ask(p, &(struct question){.op = OP_ARP});

	memcpy(mac, a.data, 6);
	return a.n != 0;
}

uint32_t io_peer_flood(struct io_peer *p, uint32_t n)
{
	return ask(p, &(struct question){.op = OP_FLOOD, .n = n}).n;
}

uint16_t io_peer_ask(struct io_peer *p, const void *datagram, uint16_t len, uint8_t answer[2048])
{
	struct question q = {.op = OP_ASK, .len = len};
	struct answer a;

	memcpy(q.data, datagram, len);
	a = ask(p, &q);
	memcpy(answer, a.data, a.len);
	return a.len;
}

bool io_peer_burst(struct io_peer *p, uint32_t n, uint16_t len)
{
	return ask(p, &(struct question){.op = OP_BURST, .n = n, .len = len}).n != 0;
}
