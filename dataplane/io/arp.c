#include "dataplane/io/arp.h"

#include <errno.h>

#include "dataplane/io/ipv4.h"

// Hardware type Ethernet, protocol IPv4, address lengths 6 and 4.
static const uint8_t prefix[6] = {0x00, 0x01, 0x08, 0x00, MAC_LEN, 4};

int arp_read(struct arp *a, const uint8_t *p, uint16_t len)
{
	if (len < ARP_LEN || memcmp(p, prefix, sizeof(prefix)) != 0)
		return -EBADMSG;
	a->op = be16_get(p + 6);
	memcpy(&a->sender_mac, p + 8, MAC_LEN);
	a->sender_ip = be32_get(p + 14);
	memcpy(&a->target_mac, p + 18, MAC_LEN);
	a->target_ip = be32_get(p + 24);
	if (a->op != ARP_REQUEST && a->op != ARP_REPLY)
		return -EBADMSG;
	if (mac_is_group(&a->sender_mac) || (a->sender_ip != 0 && !ipv4_is_host(a->sender_ip)))
		return -EBADMSG;
	return 0;
}

uint16_t arp_write(uint8_t frame[L2_FRAME_MIN], const struct arp *a, const struct mac *dst)
{
	uint8_t *p = frame + L2_LEN;

	memset(frame, 0, L2_FRAME_MIN);
	l2_write(frame,
		 &(struct l2_header){.dst = *dst, .src = a->sender_mac, .type = L2_TYPE_ARP});
	memcpy(p, prefix, sizeof(prefix));
	be16_put(p + 6, a->op);
	memcpy(p + 8, &a->sender_mac, MAC_LEN);
	be32_put(p + 14, a->sender_ip);
	memcpy(p + 18, &a->target_mac, MAC_LEN);
	be32_put(p + 24, a->target_ip);
	return L2_FRAME_MIN;
}
