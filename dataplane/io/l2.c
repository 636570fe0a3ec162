#include "dataplane/io/l2.h"

#include <errno.h>

int l2_read(struct l2_header *h, const uint8_t *frame, uint16_t len)
{
	if (len < L2_LEN)
		return -EBADMSG;
	memcpy(&h->dst, frame, MAC_LEN);
	memcpy(&h->src, frame + MAC_LEN, MAC_LEN);
	h->type = be16_get(frame + 2 * MAC_LEN);
	return 0;
}

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
