#include "dataplane/core/startup_gate.h"

#include <stdbool.h>
#include <string.h>

#include "crypto/random.h"
#include "dataplane/core/engine.h"
#include "dataplane/pages.h"
#include "dataplane/wire/cursor.h"

#define ADDRESSES 8192 // places of a row: 64 KiB, so that both tables stay in a core's L2 cache
#define PREFIXES  4096
#define QUIET                                                                                      \
	32768 // places for prefixes that are quiet: 32 KiB, looked at beyond the worker's budget
	      // only

// At once, before the rates count. For an address it is what limits.handshake_burst_per_address is
// to its rate by default: thousands behind one translator come together when a broadcast begins.
// For a prefix it is as many packets, and for the worker a fourth more: it may be one prefix that
// floods, and its beginning shall not shut out the others.
#define BURST_ADDRESS_NS 2500000000ull
#define BURST_PREFIX_NS  (BURST_ADDRESS_NS / STARTUP_ADDRESSES_PER_PREFIX)
#define BURST_TOTAL_NS   (BURST_PREFIX_NS * 5 / 4 / STARTUP_PREFIXES_AT_LEAST)

// A budget as the time at which it is paid off (the generic cell rate algorithm of ATM): so much
// ahead of now, and no further.
struct rate {
	uint64_t interval_ns, burst_ns;
};

struct startup_gate {
	uint64_t seed[4];
	struct rate total, prefix, address; // interval 0: no limit
	uint64_t total_ns;
	uint32_t n_left;        // of this turn
	uint32_t n_of_sessions; // in the burst before
	uint64_t busy_us;       // so long
	uint64_t addresses[2][ADDRESSES], prefixes[2][PREFIXES];
	struct rate reserve;
	uint64_t reserve_ns;
	// Which STARTUP_QUIET_S it was when the last one came, modulo 16, and how many came in it.
	uint8_t quiet[QUIET];
	// Places of which it was enough, a bit each: a flood finds all that it needs in 4 KiB.
	uint64_t loud[QUIET / 64];
	bool is_any_loud;
	uint64_t quiet_period, quiet_seed; // which it is, and what throws the places anew
	// The last who was asked for, and when his prefix was found to have used up its budget.
	uint64_t last_prefix, last_hash, over_hash, over_us;
};

static struct rate rate_of(uint32_t per_s, uint64_t burst_ns)
{
	return (struct rate){per_s > 0 ? 1000000000ull / per_s : 0, burst_ns};
}

struct startup_gate *startup_gate_create(const struct engine_opts *o)
{
	struct startup_gate *g = pages_take(sizeof(*g));

	if (g == NULL)
		return NULL;
	random_fill(o->random, g->seed, sizeof(g->seed));
	g->total = rate_of(o->startup_per_s, BURST_TOTAL_NS);
	g->reserve = rate_of(o->startup_per_s / STARTUP_RESERVE, BURST_TOTAL_NS);
	g->prefix = rate_of(o->startup_per_prefix_per_s, BURST_PREFIX_NS);
	g->address = rate_of(o->startup_per_address_per_s, BURST_ADDRESS_NS);
	return g;
}

void startup_gate_destroy(struct startup_gate *g)
{
	pages_give(g, sizeof(*g));
}

// -- whose budget --

static uint64_t fold(uint64_t a, uint64_t b)
{
	unsigned __int128 p = (unsigned __int128)a * b;

	return (uint64_t)p ^ (uint64_t)(p >> 64);
}

// Nobody sees what comes of it, so two rounds of multiplying with secrets are enough to keep
// whoever chooses the addresses from choosing the places.
static uint64_t hash(const struct startup_gate *g, uint64_t key)
{
	return fold(fold(key ^ g->seed[0], g->seed[1] | 1) ^ g->seed[2], g->seed[3] | 1);
}

// The two places of a budget.
struct places {
	uint64_t *at[2];
};

static struct places places_of(uint64_t *rows, uint32_t n, uint64_t h)
{
	return (struct places){{&rows[(uint32_t)h & (n - 1)], &rows[n + ((h >> 32) & (n - 1))]}};
}

// When the budget will be paid off.
static uint64_t paid_off(struct places p)
{
	return *p.at[0] < *p.at[1] ? *p.at[0] : *p.at[1];
}

static bool has_room(struct rate r, uint64_t paid_off_ns, uint64_t now_ns)
{
	return r.interval_ns == 0 || paid_off_ns <= now_ns + r.burst_ns;
}

static uint64_t charged(uint64_t interval_ns, uint64_t paid_off_ns, uint64_t now_ns)
{
	return (paid_off_ns > now_ns ? paid_off_ns : now_ns) + interval_ns;
}

static void charge(uint64_t interval_ns, struct places p, uint64_t now_ns)
{
	uint64_t ns = charged(interval_ns, paid_off(p), now_ns);

	for (int i = 0; i < 2; i++)
		if (*p.at[i] < ns)
			*p.at[i] = ns;
}

// -- the worker's budget, and the reserve beyond it --

static bool is_busy(const struct startup_gate *g, uint64_t now_us)
{
	return now_us < g->busy_us;
}

// By which clock budgets are asked for room. A busy worker's stands still for a while: whoever is
// at his limits then comes in lumps, which cost less than as many alone. Who has room left does not
// notice.
static uint64_t asked_ns(const struct startup_gate *g, uint64_t now_us)
{
	return (is_busy(g, now_us) ? now_us - now_us % STARTUP_BUSY_STEP_US : now_us) * 1000;
}

// The places are thrown anew with the time, so nobody shares one with a flood for long.
static uint32_t quiet_place(const struct startup_gate *g, uint64_t of_prefix)
{
	return (uint32_t)fold(of_prefix, g->quiet_seed) & (QUIET - 1);
}

static bool is_loud(const struct startup_gate *g, uint32_t place)
{
	return g->loud[place / 64] >> place % 64 & 1;
}

static void quiet_clock(struct startup_gate *g, uint64_t now_us)
{
	uint64_t period = now_us / (STARTUP_QUIET_S * 1000000ull);

	if (period == g->quiet_period && g->quiet_seed != 0)
		return;
	g->quiet_period = period;
	g->quiet_seed = hash(g, period) | 1;
	if (g->is_any_loud) // else 4 KiB would go through the cache for nothing
		memset(g->loud, 0, sizeof(g->loud));
	g->is_any_loud = false;
}

// Beyond the worker's budget. Each packet counts, opened or not.
static bool is_of_reserve(struct startup_gate *g, uint64_t of_prefix, uint64_t now_us)
{
	uint32_t place = quiet_place(g, of_prefix);
	uint8_t *at = &g->quiet[place], when = (uint8_t)(g->quiet_period & 15) << 4;

	if (is_loud(g, place))
		return false;
	if ((*at & 0xf0) != when)
		*at = when;
	if ((++*at & 0x0f) == STARTUP_QUIET_PACKETS) {
		g->loud[place / 64] |= 1ull << place % 64;
		g->is_any_loud = true;
	}
	return has_room(g->reserve, g->reserve_ns, now_us * 1000);
}

void startup_gate_turn(struct startup_gate *g, uint32_t n_of_sessions, uint64_t now_us)
{
	bool is_full = n_of_sessions > STARTUP_TURN_MAX - STARTUP_TURN_MIN;

	g->n_left = is_full ? STARTUP_TURN_MIN : STARTUP_TURN_MAX - n_of_sessions;
	g->n_of_sessions = n_of_sessions;
	quiet_clock(g, now_us);
	if (n_of_sessions >= STARTUP_BUSY_BURST)
		g->busy_us = now_us + STARTUP_BUSY_US;
}

void startup_gate_turn_early(struct startup_gate *g, uint64_t now_us)
{
	startup_gate_turn(g, g->n_of_sessions, now_us);
}

// -- who is asked for --

static uint64_t address_of(const uint8_t addr[16], uint8_t family)
{
	return family == 6 ? be64_get(addr) : be32_get(addr);
}

// A mark that no global unicast address has keeps the families apart.
static uint64_t family_mark(uint8_t family)
{
	return family == 6 ? 0 : 1ull << 63;
}

static uint64_t prefix_hash(struct startup_gate *g, const uint8_t addr[16], uint8_t family)
{
	uint64_t prefix = address_of(addr, family) >> (family == 6 ? 16 : 8) | family_mark(family);

	if (prefix != g->last_prefix) { // else a flood from one, or a crowd behind one router
		g->last_prefix = prefix;
		g->last_hash = hash(g, prefix);
	}
	return g->last_hash;
}

static void charge_all(struct startup_gate *g, struct places prefix, struct places address,
		       bool is_reserve, uint64_t now_us)
{
	uint64_t part = is_busy(g, now_us) ? STARTUP_BUSY_PART : 1, now_ns = now_us * 1000;

	g->n_left--;
	if (is_reserve) // whole at all times: it is for those whom a flood would shut out
		g->reserve_ns = charged(g->reserve.interval_ns, g->reserve_ns, now_ns);
	else
		g->total_ns = charged(part * g->total.interval_ns, g->total_ns, now_ns);
	charge(g->address.interval_ns, address, now_ns);
	charge(part * g->prefix.interval_ns, prefix, now_ns);
}

enum drop_reason startup_gate_admit(struct startup_gate *g, const uint8_t addr[16], uint8_t family,
				    uint64_t now_us)
{
	uint64_t of_prefix = prefix_hash(g, addr, family);
	uint64_t at_ns = asked_ns(g, now_us);
	struct places prefix, address;
	bool is_reserve = false;

	if (g->n_left == 0)
		return DROP_STARTUP_TURN;
	if (!has_room(g->total, g->total_ns, at_ns)) {
		is_reserve = is_of_reserve(g, of_prefix, now_us);
		if (!is_reserve)
			return DROP_STARTUP_RATE;
	}
	// The prefix first: a flood of many addresses then finds two lines that it used before, or
	// what was found out at the same time.
	if (of_prefix == g->over_hash && now_us == g->over_us)
		return DROP_STARTUP_SOURCE;
	prefix = places_of(g->prefixes[0], PREFIXES, of_prefix);
	if (!has_room(g->prefix, paid_off(prefix), at_ns)) {
		g->over_hash = of_prefix;
		g->over_us = now_us;
		return DROP_STARTUP_SOURCE;
	}
	address = places_of(g->addresses[0], ADDRESSES,
			    hash(g, address_of(addr, family) | family_mark(family)));
	if (!has_room(g->address, paid_off(address), at_ns))
		return DROP_STARTUP_SOURCE;
	charge_all(g, prefix, address, is_reserve, now_us);
	return DROP_NONE;
}
