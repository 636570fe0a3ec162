// What we say of ourselves on a link, by ourselves, and what others say against it: the look
// whether an IPv6 address is free (RFC 4862 §5.4), announcements at start and after the link was
// down, so that neighbours and switches who knew the address elsewhere learn at once; two of us
// with one address (RFC 5227 §2.4); groups that we listen to (RFC 3810); and the router, where its
// word counts.
//
// Addresses of IPv4 are used at once, as kernels use static ones: a look before would cost five
// seconds of every start (RFC 5227 §2.1.1), and who has the address already is heard all the same.
//
// Every worker keeps step by its own clock and what it hears; one of them speaks.
// Times are milliseconds that may wrap.
#pragma once

#include "dataplane/io/host.h"
#include "dataplane/io/igmp.h"
#include "dataplane/io/mld.h"

#define PRESENCE_PROBE_MS      1000 // RFC 4861 §10, RETRANS_TIMER: silence so long, and it is ours
#define PRESENCE_ANNOUNCES     2    // RFC 5227 §1.1, ANNOUNCE_NUM
#define PRESENCE_ANNOUNCE_MS   2000 // ANNOUNCE_INTERVAL
#define PRESENCE_DEFEND_MS     10000 // DEFEND_INTERVAL: no more than one defence in so long
#define PRESENCE_REPORTS       2     // RFC 3810 §9.1, robustness
#define PRESENCE_REPORT_MS     1000  // §9.11
#define PRESENCE_ROUTER_ASKS   3     // RFC 4861 §10, MAX_RTR_SOLICITATIONS
#define PRESENCE_ROUTER_ASK_MS 4000  // RTR_SOLICITATION_INTERVAL

struct presence_addr {
	bool is_probed; // the look for it has begun
	uint8_t announces;
	uint32_t at_ms; // of the next step, while there is one
	uint32_t defended_ms;
	bool has_defended;
};

struct presence {
	struct presence_addr addrs[LINK_ADDRS_MAX]; // as the link's in the host
	uint8_t reports, router_asks;
	bool report_is_answer, takes_router, has_router;
	uint32_t report_at_ms, router_ask_at_ms, router_until_ms;
	uint64_t conflicts; // counted by the worker that hears them
};

enum presence_do {
	PRESENCE_PROBE,      // ask whether addr is free
	PRESENCE_READY,      // addr is ours now (its state says so already)
	PRESENCE_ANNOUNCE,   // tell everybody that addr is here
	PRESENCE_REPORT,     // the groups of presence_groups; is_answer
	PRESENCE_ASK_ROUTER, // who is a router here?
	PRESENCE_NO_ROUTER,  // the one we had is gone (its gateway is taken away already)
};

struct presence_step {
	enum presence_do what;
	uint8_t addr; // of the host
	bool is_answer;
};

// takes_router: default routers may advertise themselves (there is no gateway of IPv6 otherwise).
void presence_init(struct presence *, const struct host *, const struct host_link *,
		   bool takes_router, uint32_t now_ms);
// What is to be done now; false: nothing. Changes addresses' states and the gateway.
bool presence_next(struct presence *, struct host *, struct host_link *, uint32_t now_ms,
		   struct presence_step *);
uint32_t presence_wait_ms(const struct presence *, const struct host *, const struct host_link *,
			  uint32_t now_ms); // as neighbours_wait_ms

// The cable is in again: who was asked then may be elsewhere now.
void presence_link_up(struct presence *, const struct host *, const struct host_link *,
		      uint32_t now_ms);
// Somebody else speaks for an address of ours. True: its state changed.
bool presence_conflict(struct presence *, struct host *, uint8_t addr, uint32_t now_ms);
// A query wants an answer within delay_ms; part: 0 to 65535, random, says when (§6.2 of RFC 3810).
void presence_on_query(struct presence *, uint32_t delay_ms, uint16_t part, uint32_t now_ms);
// A router advertised itself. True: the gateway changed. The first one stays until its time is over
// or it says so.
bool presence_on_router(struct presence *, struct host_link *, const struct ip_addr *router,
			uint16_t lifetime_s, uint32_t now_ms);

// The groups of a link's IPv6 addresses, each once, and those of host.groups. Returns how many.
uint8_t presence_groups(const struct host *, const struct host_link *,
			struct ip_group groups[MLD_GROUPS_MAX]);
// The same of IPv4: those of host.groups, where the link speaks it.
uint8_t presence_groups_v4(const struct host *, const struct host_link *,
			   struct ip_group groups[IGMP_GROUPS_MAX]);
