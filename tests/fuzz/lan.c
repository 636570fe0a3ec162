// A datagram that came by IP multicast. As it is; and with the HMAC of somebody who knows the
// groupspec, to a member that is alone: whatever it says, it is written again as it was read, and
// the member goes on.
#include <assert.h>
#include <stdlib.h>

#include "control/group/lan.h"
#include "tests/fuzz/oracle.h"
#include "tests/unit/control/group/world.h"

#define SPEC "G:027f020101011b040e6c616e00070aef0102030fa0"

#define WORLD_BYTES (4 << 20) // of the member and what stands in for the rest

static void rewrite(struct span datagram)
{
	uint8_t octets[LAN_LEN_MAX];
	struct wr w = wr_over(octets, sizeof(octets));
	struct lan_msg m, again;

	if (lan_read(&m, datagram) != 0)
		return;
	assert(lan_write(&w, &m) == 0);
	wr_bytes(&w, datagram.data, LAN_MAC_LEN);
	assert(lan_read(&again, wr_span(&w)) == 0);
	assert(again.type == m.type && again.nonce == m.nonce && again.n_addrs == m.n_addrs &&
	       span_equal(again.body, m.body));
}

static int run(const uint8_t *data, size_t size)
{
	struct world *w = world_create(&(struct world_opts){.seed = 1, .latency_us = 1000});
	struct world_node *n = world_add(w, &(struct world_role){.is_super = false});
	uint8_t octets[LAN_LEN_MAX], mac[SHA256_LEN];
	struct lan *l;

	rewrite(span_of(data, size));
	world_join(n, SPEC);
	l = n->group->lan;
	world_run(w, 1000);
	groups_lan_datagram(n->groups, &n->addr, span_of(data, size), world_now_us(w));
	if (size >= 5 + LAN_TAG_LEN && size <= LAN_LEN_MAX - LAN_MAC_LEN) {
		memcpy(octets, data, size);
		memcpy(octets + 5, l->tag, LAN_TAG_LEN);
		if (size >= 69) // a nonce of ours, where a MEMBER has it
			memcpy(octets + 53, &(uint64_t){__builtin_bswap64(l->nonce)}, 8);
		hmac_sha256_with(&l->keys, octets, size, mac);
		memcpy(octets + size, mac, LAN_MAC_LEN);
		groups_lan_datagram(n->groups, &n->addr, span_of(octets, size + LAN_MAC_LEN),
				    world_now_us(w));
	}
	world_run(w, 2000000);
	world_destroy(w);
	return 0;
}

// A fragment of a stream, as long as it may be.
static size_t usual(uint8_t *to, size_t len)
{
	static const uint8_t head[] = {'S', 'P', 'X', 1, LAN_FRAGMENT};

	if (len > LAN_LEN_MAX - LAN_MAC_LEN)
		len = LAN_LEN_MAX - LAN_MAC_LEN;
	memset(to, 7, len);
	memcpy(to, head, len < sizeof(head) ? len : sizeof(head));
	return len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct oracle o = {.run = run, .usual = usual, .memory_max = WORLD_BYTES};

	oracle_run(&o, data, size);
	return 0;
}
