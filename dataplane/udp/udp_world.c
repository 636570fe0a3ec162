#include "dataplane/udp/udp_world.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "crypto/packet_form.h"
#include "dataplane/udp/gso.h"
#include "dataplane/udp/multicast.h"
#include "dataplane/udp/sockaddr.h"
#include "dataplane/udp/steer.h"

#define RX_BURST     64
#define RX_BURSTS    4 // per endpoint and turn: acks free memory, but timers must run
#define TX_BURSTS    8 // per turn
#define RX_ROOM      2048
#define STRIDE       (2048 + 64) // no power of two: buffers at such strides collide in L1
#define SOCKET_BYTES (4 << 20)

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

struct udp_scratch {
	uint8_t rx[RX_BURST][STRIDE];
	uint8_t tx[ENGINE_BURST_MAX][STRIDE];
	struct mmsghdr msgs[ENGINE_BURST_MAX];
	struct iovec iov[ENGINE_BURST_MAX];
	struct sockaddr_storage addrs[ENGINE_BURST_MAX];
	union {
		struct cmsghdr align;
		uint8_t data[CMSG_SPACE(sizeof(uint16_t))];
	} control[ENGINE_BURST_MAX];
	struct pkt pkts[ENGINE_BURST_MAX];
	uint16_t packets_of[ENGINE_BURST_MAX]; // packets behind each mmsghdr
};

struct udp_socket {
	int fd;
	bool is_v6;
	bool gso;      // until the kernel or the device refuses it
	bool is_whole; // nobody on the way may cut what leaves
	struct wire_addr local;
};

struct udp_world {
	struct engine *engine;
	struct udp_scratch *scratch;
	struct udp_socket sockets[UDP_SOCKETS_MAX];
	struct multicast_links links; // found when it is first listened, or spoken, there
	bool knows_links;
};

struct udp_scratch *udp_scratch_create(void)
{
	struct udp_scratch *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	for (unsigned i = 0; i < ENGINE_BURST_MAX; i++)
		s->msgs[i].msg_hdr.msg_name = &s->addrs[i];
	return s;
}

void udp_scratch_destroy(struct udp_scratch *s)
{
	free(s);
}

struct udp_world *udp_world_create(struct engine *e, struct udp_scratch *scratch)
{
	struct udp_world *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	w->engine = e;
	w->scratch = scratch;
	for (unsigned i = 0; i < UDP_SOCKETS_MAX; i++)
		w->sockets[i].fd = -1;
	return w;
}

void udp_world_destroy(struct udp_world *w)
{
	if (w == NULL)
		return;
	for (unsigned i = 0; i < UDP_SOCKETS_MAX; i++)
		if (w->sockets[i].fd >= 0)
			close(w->sockets[i].fd);
	free(w);
}

// A bound socket, or -errno.
static int open_socket(const struct wire_addr *local, bool is_shared)
{
	struct sockaddr_storage ss;
	socklen_t len =
		sockaddr_put(&ss, local->ip, local->family, local->port, local->family == 6);
	int zero = 0, one = 1, size = SOCKET_BYTES;
	int fd = socket(ss.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int err;

	if (fd < 0)
		return -errno;
	if (local->family == 6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof(zero));
	// Best effort: the kernel caps both by its own limits.
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	if ((!is_shared || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)) == 0) &&
	    bind(fd, (struct sockaddr *)&ss, len) == 0)
		return fd;
	err = -errno;
	close(fd);
	return err;
}

// Who shares a port is let in by whoever shares it: a second daemon of the same user would silently
// take a part of our datagrams. One that wants the port alone is refused.
static int is_free(const struct wire_addr *local)
{
	int fd = open_socket(local, false);

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

int udp_world_bind_among(struct udp_world *w, uint8_t endpoint, const struct wire_addr *local,
			 uint32_t worker, uint32_t n_workers)
{
	struct udp_socket *s = &w->sockets[endpoint];
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	bool is_first = n_workers > 1 && worker == 0;
	int err = is_first ? is_free(local) : 0;
	int fd;

	if (err != 0)
		return err;
	fd = open_socket(local, n_workers > 1);
	if (fd < 0)
		return fd;
	if (getsockname(fd, (struct sockaddr *)&ss, &len) < 0)
		err = -errno;
	if (err == 0 && is_first)
		err = steer_by_session(fd, n_workers);
	if (err != 0) {
		close(fd);
		return err;
	}
	*s = (struct udp_socket){.fd = fd, .is_v6 = local->family == 6, .gso = true};
	sockaddr_get(&ss, &s->local);
	return 0;
}

int udp_world_bind(struct udp_world *w, uint8_t endpoint, const struct wire_addr *local)
{
	return udp_world_bind_among(w, endpoint, local, 0, 1);
}

struct wire_addr udp_world_local(const struct udp_world *w, uint8_t endpoint)
{
	return w->sockets[endpoint].local;
}

int udp_world_fd(const struct udp_world *w, uint8_t socket)
{
	return w->sockets[socket].fd;
}

static const struct multicast_links *links(struct udp_world *w)
{
	if (!w->knows_links)
		multicast_links_find(&w->links);
	w->knows_links = true;
	return &w->links;
}

int udp_world_listen(struct udp_world *w, const struct wire_addr *group,
		     const struct wire_addr *source)
{
	unsigned i = UDP_ENDPOINTS_MAX;
	int fd;

	while (i < UDP_SOCKETS_MAX && w->sockets[i].fd >= 0)
		i++;
	if (i == UDP_SOCKETS_MAX)
		return -ENOBUFS;
	fd = multicast_listen(links(w), group, source);
	if (fd < 0)
		return fd;
	w->sockets[i] = (struct udp_socket){.fd = fd, .is_v6 = group->family == 6, .local = *group};
	return 0;
}

// ---- in ----

static uint16_t receive_burst(struct udp_world *w, uint8_t endpoint)
{
	struct udp_scratch *sc = w->scratch;
	int n;

	for (unsigned i = 0; i < RX_BURST; i++) {
		struct msghdr *h = &sc->msgs[i].msg_hdr;

		sc->iov[i] = (struct iovec){.iov_base = sc->rx[i], .iov_len = RX_ROOM};
		h->msg_iov = &sc->iov[i];
		h->msg_iovlen = 1;
		h->msg_namelen = sizeof(sc->addrs[i]);
		h->msg_control = NULL;
		h->msg_controllen = 0;
	}
	n = recvmmsg(w->sockets[endpoint].fd, sc->msgs, RX_BURST, MSG_DONTWAIT, NULL);
	if (n <=
	    0) // EAGAIN: empty. ECONNREFUSED and the like: news of something we sent; loss, no more
		return 0;
	for (int i = 0; i < n; i++) {
		struct pkt *p = &sc->pkts[i];
		struct wire_addr from;

		sockaddr_get(&sc->addrs[i], &from);
		*p = (struct pkt){.data = sc->rx[i],
				  .len = (uint16_t)sc->msgs[i].msg_len,
				  .port = from.port,
				  .family = from.family,
				  .endpoint = endpoint,
				  .session_idx = SESSION_NONE,
				  .path_idx = PATH_NONE};
		memcpy(p->addr, from.ip, sizeof(p->addr));
	}
	return (uint16_t)n;
}

static void take_burst(struct udp_world *w, uint8_t socket, uint16_t n, uint64_t now_us)
{
	if (socket < UDP_ENDPOINTS_MAX)
		engine_rx(w->engine, w->scratch->pkts, n, now_us);
	else
		engine_rx_datagrams(w->engine, w->scratch->pkts, n, now_us);
}

static bool receive_all(struct udp_world *w, uint64_t now_us)
{
	bool more = false;

	for (uint8_t ep = 0; ep < UDP_SOCKETS_MAX; ep++) {
		if (w->sockets[ep].fd < 0)
			continue;
		for (unsigned i = 0; i < RX_BURSTS; i++) {
			uint16_t n = receive_burst(w, ep);

			if (n > 0)
				take_burst(w, ep, n, now_us);
			if (n < RX_BURST)
				break;
			more |= i == RX_BURSTS - 1;
		}
	}
	return more;
}

// ---- out ----

// One mmsghdr for a run of packets to one destination; returns how many packets it took.
static uint16_t fill_message(struct udp_world *w, const struct udp_socket *s, struct pkt *pkts,
			     uint16_t n, unsigned at, unsigned iov_at)
{
	struct udp_scratch *sc = w->scratch;
	struct msghdr *h = &sc->msgs[at].msg_hdr;
	uint16_t run = s->gso ? gso_run(pkts, n) : 1;
	const struct path *path = NULL;

	if (pkts->path_idx != PATH_NONE)
		path = engine_path(w->engine, pkts->path_idx);
	h->msg_namelen = sockaddr_put(&sc->addrs[at], path ? path->addr : pkts->addr,
				      path ? path->family : pkts->family,
				      path ? path->port : pkts->port, s->is_v6);
	h->msg_iov = &sc->iov[iov_at];
	h->msg_iovlen = run;
	h->msg_control = NULL;
	h->msg_controllen = 0;
	for (uint16_t i = 0; i < run; i++)
		sc->iov[iov_at + i] =
			(struct iovec){.iov_base = pkts[i].data, .iov_len = pkts[i].len};
	if (run > 1) {
		struct cmsghdr *c;

		h->msg_control = sc->control[at].data;
		h->msg_controllen = sizeof(sc->control[at].data);
		c = CMSG_FIRSTHDR(h);
		c->cmsg_level = SOL_UDP;
		c->cmsg_type = UDP_SEGMENT;
		c->cmsg_len = CMSG_LEN(sizeof(uint16_t));
		memcpy(CMSG_DATA(c), &pkts->len, sizeof(uint16_t));
	}
	sc->packets_of[at] = run;
	return run;
}

// What is larger than the base size must arrive whole or not at all: a probe in pieces proves
// nothing (RFC 4821 §3), and neither shall the kernel believe whoever says that a path carries less
// (ICMP is easily forged). The rest goes by the kernel's default, so paths below the base size work
// as far as it can help. Sockets know this option only for all that follows.
static void keep_whole(struct udp_socket *s, bool is_whole)
{
	int v4 = is_whole ? IP_PMTUDISC_PROBE : IP_PMTUDISC_WANT;
	int v6 = is_whole ? IPV6_PMTUDISC_PROBE : IPV6_PMTUDISC_WANT;

	if (s->is_whole == is_whole)
		return;
	s->is_whole = is_whole;
	setsockopt(s->fd, IPPROTO_IP, IP_MTU_DISCOVER, &v4, sizeof(v4)); // mapped addresses, too
	if (s->is_v6)
		setsockopt(s->fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &v6, sizeof(v6));
}

static bool has_big(const struct pkt *pkts, uint16_t n)
{
	for (uint16_t i = 0; i < n; i++)
		if (pkts[i].len > PACKET_UDP_PAYLOAD_DEFAULT)
			return true;
	return false;
}

// The first message did not go. False: try it another way.
static bool is_given_up(struct udp_world *w, struct udp_socket *s, int err)
{
	const struct udp_scratch *sc = w->scratch;
	bool is_big = sc->iov[0].iov_len > PACKET_UDP_PAYLOAD_DEFAULT,
	     is_run = sc->packets_of[0] > 1;
	// A run of packets above the device's MTU is EINVAL, for older kernels.
	bool is_too_big = is_big && (err == EMSGSIZE || (is_run && err == EINVAL));

	if (is_run && !is_too_big && (err == EIO || err == EINVAL)) {
		s->gso = false; // no checksum offload below, or an old kernel: packet by packet
		return false;
	}
	// EPERM, ENOBUFS, EHOSTUNREACH...: this one is lost, the next may pass
	engine_stats(w->engine)->drops[is_too_big ? DROP_TX_TOO_BIG : DROP_TX_PORT] +=
		sc->packets_of[0];
	return true;
}

// Sends pkts[0..n), all of one endpoint. Loss on the way out is loss: counted, and RTMFP repairs
// it.
static void send_burst(struct udp_world *w, uint8_t endpoint, struct pkt *pkts, uint16_t n)
{
	struct udp_socket *s = &w->sockets[endpoint];
	struct udp_scratch *sc = w->scratch;
	uint16_t done = 0;

	if (endpoint >= UDP_ENDPOINTS_MAX || s->fd < 0) {
		engine_stats(w->engine)->drops[DROP_TX_PORT] += n;
		return;
	}
	keep_whole(s, has_big(pkts, n));
	while (done < n) {
		unsigned n_msgs = 0;
		uint16_t at = done;
		int sent;

		while (at < n) {
			at += fill_message(w, s, pkts + at, n - at, n_msgs, at);
			n_msgs++;
		}
		sent = sendmmsg(s->fd, sc->msgs, n_msgs, 0);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0 && !is_given_up(w, s, errno))
			continue;
		if (sent < 0)
			sent = 1;
		for (int i = 0; i < sent; i++)
			done += sc->packets_of[i];
	}
}

static bool is_multicast(const struct pkt *p)
{
	return p->path_idx == PATH_NONE && p->ttl != 0;
}

static void send_multicast(struct udp_world *w, const struct pkt *p)
{
	const struct udp_socket *s = &w->sockets[p->endpoint];
	struct wire_addr to = {.family = p->family, .port = p->port};

	memcpy(to.ip, p->addr, sizeof(to.ip));
	if (s->fd < 0 ||
	    multicast_send(s->fd, s->is_v6, links(w), &to, p->ttl, p->data, p->len) != 0)
		engine_stats(w->engine)->drops[DROP_TX_PORT]++;
}

static uint8_t endpoint_of(const struct udp_world *w, const struct pkt *p)
{
	return p->path_idx == PATH_NONE ? p->endpoint
					: engine_path(w->engine, p->path_idx)->endpoint;
}

// Runs of one endpoint leave together.
static void send_all(struct udp_world *w, struct pkt *pkts, uint16_t n)
{
	uint16_t at = 0;

	while (at < n) {
		uint8_t ep = endpoint_of(w, &pkts[at]);
		uint16_t end = at + 1;

		if (is_multicast(&pkts[at])) {
			send_multicast(w, &pkts[at++]);
			continue;
		}
		while (end < n && endpoint_of(w, &pkts[end]) == ep && !is_multicast(&pkts[end]))
			end++;
		send_burst(w, ep, pkts + at, end - at);
		at = end;
	}
}

static bool transmit_all(struct udp_world *w, uint64_t now_us)
{
	struct udp_scratch *sc = w->scratch;

	for (unsigned i = 0; i < TX_BURSTS; i++) {
		uint16_t n;

		for (unsigned j = 0; j < ENGINE_BURST_MAX; j++)
			sc->pkts[j] = (struct pkt){.data = sc->tx[j],
						   .room = RX_ROOM,
						   .session_idx = SESSION_NONE,
						   .path_idx = PATH_NONE};
		n = engine_tx(w->engine, sc->pkts, ENGINE_BURST_MAX, now_us);
		send_all(w, sc->pkts, n);
		if (n < ENGINE_BURST_MAX)
			return false;
	}
	return true;
}

bool udp_world_rx(struct udp_world *w, uint64_t now_us)
{
	bool more = receive_all(w, now_us);

	engine_timers(w->engine, now_us);
	return more;
}

bool udp_world_commands(struct udp_world *w, uint64_t now_us)
{
	return engine_commands(w->engine, now_us) == ENGINE_TURN_COMMANDS;
}

bool udp_world_tx(struct udp_world *w, uint64_t now_us)
{
	return transmit_all(w, now_us);
}

bool udp_world_turn(struct udp_world *w, uint64_t now_us)
{
	bool more = udp_world_rx(w, now_us);

	more |= udp_world_commands(w, now_us);
	more |= udp_world_tx(w, now_us);
	return more;
}

uint64_t udp_world_deadline_us(const struct udp_world *w)
{
	return engine_deadline_us(w->engine);
}

int udp_local_toward(const struct wire_addr *far, struct wire_addr *local)
{
	struct sockaddr_storage ss;
	socklen_t len = sockaddr_put(&ss, far->ip, far->family, far->port, far->family == 6);
	int fd = socket(ss.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int err = 0;

	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&ss, len) < 0)
		err = -errno;
	len = sizeof(ss);
	if (err == 0 && getsockname(fd, (struct sockaddr *)&ss, &len) < 0)
		err = -errno;
	close(fd);
	if (err == 0)
		sockaddr_get(&ss, local);
	return err;
}
