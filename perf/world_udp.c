/*
 * The engine on kernel sockets (dataplane/udp), as backend: udp has it: the honest opponent of the
 * ports. In a network namespace of its own every address of 10/8 is local, so one socket plays all
 * far ends: it hears by IP_PKTINFO whom a datagram was for, and says from whom an answer comes.
 * What the kernel does on the way to that socket is in the timed turn, as a card's work would be;
 * reading it is not.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dataplane/udp/udp_world.h"
#include "perf/netns.h"
#include "perf/race.h"
#include "perf/ratio.h"

#define ROOM         1664 // 26 lines
#define READ         64
#define SOCKET_BYTES (64 << 20)
#define OUR_IP       0xc0a80101u
#define OUR_PORT     1936 // the other one is the far ends'
#define LENT         128  // two bursts are never sealed at a time

struct udp_side {
	struct world world;
	struct udp_scratch *scratch;
	struct udp_world *udp;
	int far; // socket
	uint8_t lent[LENT][ROOM];
	uint32_t n_lent;
	uint64_t n_failed;
	uint8_t in[WORLD_DATAGRAMS][ROOM];
};

union pktinfo_room {
	struct cmsghdr align;
	uint8_t octets[CMSG_SPACE(sizeof(struct in_pktinfo))];
};

// ---- a network of its own ----

static const char *const setup =
	"ip link set lo up && ip link set lo mtu 65536 && "
	"ip address add 10.0.0.1/8 dev lo && ip address add 192.168.1.1/32 dev lo";

static int far_socket(void)
{
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(WORLD_PORT)};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), one = 1,
	    size = SOCKET_BYTES;

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&any, sizeof(any)) == 0)
		return fd;
	close(fd);
	return -1;
}

// ---- the world ----

static void turn(struct world *w, uint64_t now_us)
{
	udp_world_turn(((struct udp_side *)w)->udp, now_us);
}

static bool lend(struct world *w, struct datagram *d)
{
	struct udp_side *u = (struct udp_side *)w;

	d->data = u->lent[u->n_lent++ % LENT];
	d->handle = NULL;
	return true;
}

static void arrive(struct world *w, const struct datagram *d)
{
	struct udp_side *u = (struct udp_side *)w;
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons(OUR_PORT),
				 .sin_addr.s_addr = htonl(OUR_IP)};
	struct in_pktinfo from = {.ipi_spec_dst.s_addr = htonl(world_far_ip(d->slot))};
	struct iovec iov = {.iov_base = d->data, .iov_len = d->len};
	union pktinfo_room room = {0};
	struct msghdr h = {.msg_name = &to,
			   .msg_namelen = sizeof(to),
			   .msg_iov = &iov,
			   .msg_iovlen = 1,
			   .msg_control = room.octets,
			   .msg_controllen = sizeof(room.octets)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&h);

	c->cmsg_level = IPPROTO_IP;
	c->cmsg_type = IP_PKTINFO;
	c->cmsg_len = CMSG_LEN(sizeof(from));
	memcpy(CMSG_DATA(c), &from, sizeof(from));
	if (sendmsg(u->far, &h, 0) < 0)
		u->n_failed++; // then acks are missing, and the row says so
}

static uint32_t slot_of(struct msghdr *h)
{
	struct in_pktinfo to;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c != NULL; c = CMSG_NXTHDR(h, c)) {
		if (c->cmsg_level != IPPROTO_IP || c->cmsg_type != IP_PKTINFO)
			continue;
		memcpy(&to, CMSG_DATA(c), sizeof(to));
		return ntohl(to.ipi_addr.s_addr) - world_far_ip(0);
	}
	return UINT32_MAX;
}

static uint16_t sent(struct world *w, struct datagram *out, uint16_t max)
{
	struct udp_side *u = (struct udp_side *)w;
	struct mmsghdr msgs[READ];
	struct iovec iov[READ];
	union pktinfo_room room[READ];
	uint16_t n = 0;

	while (n < max) {
		int k = max - n < READ ? max - n : READ;

		for (int i = 0; i < k; i++) {
			iov[i] = (struct iovec){.iov_base = u->in[n + i], .iov_len = ROOM};
			msgs[i].msg_hdr = (struct msghdr){.msg_iov = &iov[i],
							  .msg_iovlen = 1,
							  .msg_control = room[i].octets,
							  .msg_controllen = sizeof(room[i].octets)};
		}
		k = recvmmsg(u->far, msgs, (unsigned)k, MSG_DONTWAIT, NULL);
		if (k <= 0)
			break;
		for (int i = 0; i < k; i++, n++)
			out[n] = (struct datagram){.data = u->in[n],
						   .slot = slot_of(&msgs[i].msg_hdr),
						   .len = (uint16_t)msgs[i].msg_len};
	}
	return n;
}

// ---- life ----

static void destroy(struct world *w)
{
	struct udp_side *u = (struct udp_side *)w;

	udp_world_destroy(u->udp);
	udp_scratch_destroy(u->scratch);
	if (u->far >= 0)
		close(u->far);
	free(u);
}

static bool make_sockets(struct udp_side *u, struct engine *e)
{
	struct wire_addr here = {.ip = {192, 168, 1, 1}, .port = OUR_PORT, .family = 4};
	int before = netns_enter(setup);

	if (before < 0)
		return false;
	u->far = far_socket();
	u->scratch = udp_scratch_create();
	u->udp = u->scratch != NULL ? udp_world_create(e, u->scratch) : NULL;
	if (u->far < 0 || u->udp == NULL || udp_world_bind(u->udp, 0, &here) != 0) {
		netns_leave(before);
		return false;
	}
	netns_leave(before);
	return true;
}

struct world *udp_create(struct engine *e, struct mailbox *reports, const struct race_opts *o,
			 struct ratio *ratio)
{
	static const struct world_calls calls = {turn, lend, arrive, sent, destroy};
	struct udp_side *u = calloc(1, sizeof(*u));

	(void)reports;
	if (u == NULL)
		return NULL;
	u->far = -1;
	u->world = (struct world){.engine = e, .turn_max = o->turn_max, .calls = &calls};
	if (make_sockets(u, e))
		return &u->world;
	ratio_skip(ratio, "no network namespace of its own (root?) or no sockets in it");
	destroy(&u->world);
	return NULL;
}
