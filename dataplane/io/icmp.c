#include "dataplane/io/icmp.h"

#include <string.h>

#include "crypto/checksum.h"
#include "dataplane/io/ipv4.h"
#include "dataplane/io/l2.h"

#define ECHO_REPLY   0
#define ECHO_REQUEST 8

bool icmp_check(const uint8_t *icmp, uint16_t len)
{
	return len >= ICMP_LEN && csum_finish(csum_partial(icmp, len)) == 0;
}

static void swap(uint8_t *a, uint8_t *b, size_t n)
{
	uint8_t t[MAC_LEN];

	memcpy(t, a, n);
	memcpy(a, b, n);
	memcpy(b, t, n);
}

// The header's options stay as they are; a source route would have to be reversed (RFC 1122
// §3.2.2.6), but such packets are dropped by every network that we know.
enum drop_reason icmp_echo_reply(uint8_t *frame, uint16_t header_len, uint16_t len)
{
	uint8_t *ip = frame + L2_LEN, *icmp = ip + header_len;
	uint16_t icmp_len = (uint16_t)(len - header_len);

	if (icmp_len < ICMP_LEN)
		return DROP_L3_MALFORMED;
	if (icmp[0] != ECHO_REQUEST || icmp[1] != 0)
		return DROP_L2_NOT_OURS;
	if (!icmp_check(icmp, icmp_len))
		return DROP_L3_CHECKSUM;
	swap(frame, frame + MAC_LEN, MAC_LEN);
	swap(ip + 12, ip + 16, 4);
	ip[8] = IPV4_TTL;
	be16_put(ip + 10, 0);
	be16_put(ip + 10, csum_finish(csum_partial(ip, header_len)));
	icmp[0] = ECHO_REPLY;
	be16_put(icmp + 2, 0);
	be16_put(icmp + 2, csum_finish(csum_partial(icmp, icmp_len)));
	return DROP_NONE;
}
