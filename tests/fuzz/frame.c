// Any octets as a received frame. The first octet says how much of the envelope is put right, so
// that what lies behind addresses and checksums is reached, too, and which checksums are asked for.
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/checksum.h"
#include "dataplane/io/frame.h"
#include "dataplane/io/icmp.h"
#include "tests/fuzz/oracle.h"

#define OUR_IP 0x0a630001u

static struct host make_host(uint8_t how)
{
	struct host h = {.n_links = 1, .n_endpoints = 2};

	h.links[0] = (struct host_link){.mac = {{2, 0, 0, 0, 0, 1}},
					.address = OUR_IP,
					.mask = host_mask(24),
					.mtu = 1500,
					.udp_sums = (how >> 2 & 3) % 3};
	h.endpoints[0].port = 1935;
	h.endpoints[1] = (struct host_endpoint){OUR_IP, 1936};
	return h;
}

static void repair(const struct host *h, uint8_t *frame, uint16_t len)
{
	uint8_t *ip = frame + L2_LEN;
	uint16_t ip_len, header_len;

	if (len < L2_LEN + IPV4_LEN)
		return;
	memcpy(frame, &h->links[0].mac, MAC_LEN);
	if (be16_get(frame + 2 * MAC_LEN) == L2_TYPE_ARP)
		return;
	be16_put(frame + 2 * MAC_LEN, L2_TYPE_IPV4);
	ip_len = (uint16_t)(len - L2_LEN);
	header_len = (uint16_t)((ip[0] & 15) * 4);
	if (header_len < IPV4_LEN || header_len > ip_len)
		return;
	be32_put(ip + 16, OUR_IP);
	be16_put(ip + 10, 0);
	be16_put(ip + 10, csum_finish(csum_partial(ip, header_len)));
}

static int run(const uint8_t *data, size_t size)
{
	uint8_t how = size > 0 ? data[0] : 0;
	uint16_t len = size > 0 && size <= 9216 ? (uint16_t)(size - 1) : 0;
	struct host host = make_host(how);
	uint8_t *exact = malloc(len > 0 ? len : 1); // a look behind it is seen
	struct frame f;

	if (len > 0)
		memcpy(exact, data + 1, len);
	if (how & 1)
		repair(&host, exact, len);
	frame_read(&f, &host, 0, exact, len, (how >> 4 & 3) % 3);
	assert((f.kind == FRAME_DROP) == (f.drop != DROP_NONE));
	if (f.kind == FRAME_DATAGRAM) {
		assert(f.payload >= exact && f.payload + f.payload_len <= exact + len);
		assert(f.endpoint < host.n_endpoints && ipv4_is_host(f.ip.src) && f.src_port != 0);
	}
	if (f.kind == FRAME_ICMP)
		icmp_echo_reply(exact, f.ip.header_len, f.ip.len);
	free(exact);
	return 0;
}

// A datagram to our endpoint with a UDP checksum that has to be computed.
static size_t usual(uint8_t *to, size_t len)
{
	uint8_t *frame = to + 1, *ip = frame + L2_LEN, *udp = ip + IPV4_LEN;
	uint16_t ip_len = (uint16_t)(len - 1 - L2_LEN);

	memset(to, 0, len);
	to[0] = 1; // repair the rest
	ip[0] = 0x45;
	be16_put(ip + 2, ip_len);
	ip[8] = 64;
	ip[9] = 17;
	be32_put(ip + 12, OUR_IP + 1);
	be16_put(udp, 2000);
	be16_put(udp + 2, 1935);
	be16_put(udp + 4, (uint16_t)(ip_len - IPV4_LEN));
	be16_put(udp + 6, 1);
	return len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct oracle o = {
		.run = run, .usual = usual, .memory_max = 64, .memory_per_octet = 1};

	oracle_run(&o, data, size);
	return 0;
}
