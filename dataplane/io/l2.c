#include "dataplane/io/l2.h"

#include <errno.h>

void l2_write(uint8_t frame[L2_LEN], const struct l2_header *h)
{
	memcpy(frame, &h->dst, MAC_LEN);
	memcpy(frame + MAC_LEN, &h->src, MAC_LEN);
	be16_put(frame + 2 * MAC_LEN, h->type);
}

bool mac_is_broadcast(const struct mac *m)
{
	static const struct mac all = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

	return mac_equal(m, &all);
}

uint16_t l2_write_tagged(uint8_t *frame, const struct l2_header *h, uint16_t vlan)
{
	l2_write(frame, h);
	if (vlan == 0)
		return L2_LEN;
	be16_put(frame + 2 * MAC_LEN, L2_TYPE_VLAN);
	be16_put(frame + 2 * MAC_LEN + 2, vlan);
	be16_put(frame + L2_LEN + 2, h->type);
	return L2_LEN + L2_TAG_LEN;
}

void l2_tag(uint8_t *room, uint16_t vlan)
{
	memmove(room, room + L2_TAG_LEN, 2 * MAC_LEN);
	be16_put(room + 2 * MAC_LEN, L2_TYPE_VLAN);
	be16_put(room + 2 * MAC_LEN + 2, vlan);
}

int l2_untag(uint8_t *frame, uint16_t len, uint16_t *tag)
{
	if (len < L2_LEN + L2_TAG_LEN)
		return -EBADMSG;
	*tag = be16_get(frame + L2_LEN);
	memmove(frame + L2_TAG_LEN, frame, 2 * MAC_LEN);
	return 0;
}
