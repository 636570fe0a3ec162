#include <assert.h>
#include <errno.h>
#include <string.h>

#include "crypto/checksum.h"
#include "crypto/crypto.h"
#include "crypto/packet_form.h"
#include "dataplane/wire/cursor.h"

static bool has_checksum(struct packet_form form)
{
	return form.tag_len == 0; // the two exclude each other
}

static size_t block_ceil(size_t len)
{
	return (len + CRYPTO_BLOCK_LEN - 1) / CRYPTO_BLOCK_LEN * CRYPTO_BLOCK_LEN;
}

size_t packet_form_front_len(struct packet_form form, uint64_t sseq)
{
	size_t len = has_checksum(form) ? PACKET_CHECKSUM_LEN : 0;

	return form.has_sseq ? len + vlu_len(sseq) : len;
}

size_t packet_form_sealed_len(struct packet_form form, uint64_t sseq, size_t plain_len)
{
	return block_ceil(packet_form_front_len(form, sseq) + plain_len);
}

size_t packet_form_plain_max(struct packet_form form, uint64_t sseq, size_t budget)
{
	size_t around = (size_t)PACKET_SSID_LEN + form.tag_len;
	size_t front_len = packet_form_front_len(form, sseq);
	size_t blocks_len;

	if (budget < around)
		return 0;
	blocks_len = (budget - around) / CRYPTO_BLOCK_LEN * CRYPTO_BLOCK_LEN;
	return blocks_len > front_len ? blocks_len - front_len : 0;
}

size_t packet_form_front_write(struct packet_form form, uint8_t *buf, uint64_t sseq)
{
	size_t len = form.has_sseq ? vlu_put(buf, sseq) : 0;

	return has_checksum(form) ? len + PACKET_CHECKSUM_LEN : len;
}

void packet_form_checksum_put(uint8_t *buf, size_t front_len, uint16_t checksum)
{
	assert(front_len >= PACKET_CHECKSUM_LEN);
	be16_put(buf + front_len - PACKET_CHECKSUM_LEN, checksum);
}

size_t packet_form_finish(struct packet_form form, uint8_t *buf, size_t front_len, size_t len)
{
	size_t sealed_len = block_ceil(len);

	memset(buf + len, 0xff, sealed_len - len); // before the checksum, which covers it
	if (has_checksum(form))
		packet_form_checksum_put(buf, front_len,
					 csum_whole(buf + front_len, sealed_len - front_len));
	return sealed_len;
}

int packet_form_open_check(struct packet_form form, size_t len)
{
	if (len < (size_t)CRYPTO_BLOCK_LEN + form.tag_len || len > UINT16_MAX)
		return -EBADMSG;
	len -= form.tag_len;
	return len % CRYPTO_BLOCK_LEN == 0 ? (int)len : -EBADMSG;
}

int packet_form_strip(struct packet_form form, const uint8_t *buf, size_t len, uint64_t *sseq)
{
	struct rd r = rd_over(buf, len);

	*sseq = form.has_sseq ? rd_vlu(&r) : 0;
	if (has_checksum(form)) {
		uint16_t checksum = rd_u16(&r);

		if (r.err == 0 && checksum != csum_whole(r.at, r.left))
			rd_fail(&r);
	}
	return r.err != 0 ? r.err : (int)(len - r.left);
}
