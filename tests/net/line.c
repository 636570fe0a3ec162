// A line between two interfaces, as bad as one likes: line IFACE IFACE [KEY VALUE]...
//
//	seed N        what happens to the n-th frame of a direction follows from N and n alone (1)
//	delay MS      each way
//	late P        that share of the frames, in percent, comes `late-by` later: they are
//overtaken 	late-by MS    (30) 	twice P       ... is carried twice 	lost P        ... is not carried
//
// Says "joined" once it carries, and how many frames met what, as one line, on SIGTERM. For kernels
// without netem.
#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>

#include "control/member/clock.h"
#include "crypto/random.h"

#define FRAME_MAX   2048
#define WAITING_MAX 8192 // frames under way in both directions; one more is lost, as in any queue

struct line_opts {
	uint64_t seed, delay_ms, late_percent, late_by_ms, twice_percent, lost_percent;
};

struct waiting {
	uint64_t due_us, number; // of those due at once the first goes first
	int to;
	uint32_t len;
	uint8_t frame[FRAME_MAX];
};

struct line {
	struct line_opts opts;
	int fd[2];
	struct random_state state[2];
	struct random fate[2]; // a direction each: one's traffic does not shift the other's luck
	struct waiting *heap[WAITING_MAX];
	uint32_t n_waiting;
	uint64_t number, carried, late, twice, lost, full;
};

static volatile sig_atomic_t is_over;

static void on_signal(int sig)
{
	is_over = 1;
}

// ---- frames under way, the first due on top ----

static bool goes_before(const struct waiting *a, const struct waiting *b)
{
	return a->due_us != b->due_us ? a->due_us < b->due_us : a->number < b->number;
}

static void swap(struct waiting **a, struct waiting **b)
{
	struct waiting *c = *a;

	*a = *b;
	*b = c;
}

static void heap_push(struct line *l, struct waiting *w)
{
	uint32_t i = l->n_waiting++;

	l->heap[i] = w;
	for (; i > 0 && goes_before(l->heap[i], l->heap[(i - 1) / 2]); i = (i - 1) / 2)
		swap(&l->heap[i], &l->heap[(i - 1) / 2]);
}

static struct waiting *heap_pop(struct line *l)
{
	struct waiting *top = l->heap[0];
	uint32_t i = 0, least = 0;

	l->heap[0] = l->heap[--l->n_waiting];
	do {
		swap(&l->heap[i], &l->heap[least]);
		i = least;
		for (uint32_t child = 2 * i + 1; child <= 2 * i + 2 && child < l->n_waiting;
		     child++)
			if (goes_before(l->heap[child], l->heap[least]))
				least = child;
	} while (least != i);
	return top;
}

// ---- what becomes of a frame ----

static void send_later(struct line *l, int to, const uint8_t *frame, uint32_t len, uint64_t due_us)
{
	struct waiting *w = l->n_waiting < WAITING_MAX ? malloc(sizeof(*w)) : NULL;

	if (w == NULL) {
		l->full++;
		return;
	}
	*w = (struct waiting){.due_us = due_us, .number = l->number++, .to = to, .len = len};
	memcpy(w->frame, frame, len);
	heap_push(l, w);
}

static bool happens(struct line *l, int from, uint64_t percent)
{
	return random_below(&l->fate[from], 100) < percent;
}

// Each frame asks three times, whatever comes of it, so that one option does not change the others'
// luck.
static void take(struct line *l, int from, const uint8_t *frame, uint32_t len)
{
	bool is_lost = happens(l, from, l->opts.lost_percent);
	bool is_late = happens(l, from, l->opts.late_percent);
	bool is_twice = happens(l, from, l->opts.twice_percent);
	uint64_t due_us = clock_us() + 1000 * l->opts.delay_ms;

	l->carried += !is_lost;
	l->lost += is_lost;
	if (is_lost)
		return;
	l->late += is_late;
	l->twice += is_twice;
	send_later(l, !from, frame, len, due_us + (is_late ? 1000 * l->opts.late_by_ms : 0));
	if (is_twice)
		send_later(l, !from, frame, len, due_us);
}

// ---- sockets ----

static int open_on(const char *name)
{
	struct sockaddr_ll to = {.sll_family = AF_PACKET,
				 .sll_protocol = __builtin_bswap16(ETH_P_ALL),
				 .sll_ifindex = (int)if_nametoindex(name)};
	struct packet_mreq all = {.mr_ifindex = to.sll_ifindex, .mr_type = PACKET_MR_PROMISC};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, to.sll_protocol);

	if (fd < 0 || bind(fd, (struct sockaddr *)&to, sizeof(to)) < 0 ||
	    setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof(all)) < 0) {
		fprintf(stderr, "line: %s: %s\n", name, strerror(errno));
		exit(1);
	}
	return fd;
}

static void receive(struct line *l, int from)
{
	uint8_t frame[FRAME_MAX];
	struct sockaddr_ll sender;
	socklen_t sender_len = sizeof(sender);
	ssize_t n;

	while ((n = recvfrom(l->fd[from], frame, sizeof(frame), 0, (struct sockaddr *)&sender,
			     &sender_len)) > 0) {
		if (sender.sll_pkttype != PACKET_OUTGOING) // our own, seen on its way out
			take(l, from, frame, (uint32_t)n);
		sender_len = sizeof(sender);
	}
}

static void send_due(struct line *l)
{
	while (l->n_waiting > 0 && l->heap[0]->due_us <= clock_us()) {
		struct waiting *w = heap_pop(l);

		if (send(l->fd[w->to], w->frame, w->len, 0) < 0)
			l->full++;
		free(w);
	}
}

static void wait_for_work(struct line *l)
{
	struct pollfd fds[2] = {{.fd = l->fd[0], .events = POLLIN},
				{.fd = l->fd[1], .events = POLLIN}};
	uint64_t now = clock_us(), due = l->n_waiting > 0 ? l->heap[0]->due_us : now + 1000000;
	uint64_t wait_us = due > now ? due - now : 0;
	struct timespec t = {.tv_sec = (time_t)(wait_us / 1000000),
			     .tv_nsec = (long)(wait_us % 1000000) * 1000};

	ppoll(fds, 2, &t, NULL);
}

// ---- command line ----

static uint64_t *option(struct line_opts *o, const char *key)
{
	const struct {
		const char *key;
		uint64_t *value;
	} all[] = {
		{"seed", &o->seed},           {"delay", &o->delay_ms},
		{"late", &o->late_percent},   {"late-by", &o->late_by_ms},
		{"twice", &o->twice_percent}, {"lost", &o->lost_percent},
	};

	for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (strcmp(key, all[i].key) == 0)
			return all[i].value;
	return NULL;
}

static void read_options(struct line_opts *o, int n, char **args)
{
	for (int i = 0; i < n; i += 2) {
		uint64_t *value = option(o, args[i]);
		char *end = NULL;

		if (value != NULL && i + 1 < n)
			*value = strtoull(args[i + 1], &end, 10);
		if (end == NULL || *end != '\0') {
			fprintf(stderr, "line: %s: no such option, or no number\n", args[i]);
			exit(1);
		}
	}
}

int main(int argc, char **argv)
{
	static struct line l = {.opts = {.seed = 1, .late_by_ms = 30}};
	struct sigaction sa = {.sa_handler = on_signal};

	if (argc < 3) {
		fprintf(stderr, "usage: line IFACE IFACE [KEY VALUE]...\n");
		return 1;
	}
	read_options(&l.opts, argc - 3, argv + 3);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);
	for (int i = 0; i < 2; i++) {
		l.fd[i] = open_on(argv[1 + i]);
		l.fate[i] = random_seeded(&l.state[i], 2 * l.opts.seed + (uint64_t)i);
	}
	puts("joined");
	fflush(stdout);
	while (!is_over) {
		wait_for_work(&l);
		for (int i = 0; i < 2; i++)
			receive(&l, i);
		send_due(&l);
	}
	printf("carried=%lu late=%lu twice=%lu lost=%lu full=%lu\n", (unsigned long)l.carried,
	       (unsigned long)l.late, (unsigned long)l.twice, (unsigned long)l.lost,
	       (unsigned long)l.full);
	while (l.n_waiting > 0)
		free(heap_pop(&l));
	return 0;
}
