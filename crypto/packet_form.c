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

size_t packet_form_sealed_len(struct packet_form form, uint64_t sseq, size_t plain_len)
{
	return packet_form_blocks(packet_form_front_len(form, sseq) + plain_len);
}

size_t packet_form_finish(struct packet_form form, uint8_t *buf, size_t front_len, size_t len)
{
	size_t sealed_len = packet_form_blocks(len);

	memset(buf + len, 0xff, sealed_len - len); // before the checksum, which covers it
	if (has_checksum(form))
		packet_form_checksum_put(buf, front_len,
					 csum_whole(buf + front_len, sealed_len - front_len));
	return sealed_len;
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

// csum_whole of what lies behind the front, of which crypto_open has summed all but the first
// block. A front is as long as that only by zeros before its number.
static uint16_t opened_csum(const struct crypto_op *op, size_t front_len)
{
	uint64_t words[CRYPTO_BLOCK_LEN / 8], sum;
	uint16_t folded;

	if (front_len >= CRYPTO_BLOCK_LEN)
		return csum_whole(op->dst + front_len, op->len - front_len);
	memcpy(words, op->dst, sizeof(words)); // little-endian, and the front's octets become 0
	words[front_len / 8] &= ~UINT64_C(0) << front_len % 8 * 8;
	words[0] &= front_len < 8 ? ~UINT64_C(0) : 0;
	sum = (words[0] & 0xffffffff) + (words[0] >> 32) + (words[1] & 0xffffffff) +
	      (words[1] >> 32) + __builtin_bswap16(op->sum);
	folded = csum_swap_fold(sum);
	if (front_len % 2 == 0) // and so is the length
		return (uint16_t)~folded;
	return csum_finish(csum_join(folded, true) + csum_last_low(op->dst[op->len - 1]));
}

int packet_form_strip_opened(struct packet_form form, const struct crypto_op *op, uint64_t *sseq)
{
	struct rd r = rd_over(op->dst, op->len);

	*sseq = form.has_sseq ? rd_vlu(&r) : 0;
	if (has_checksum(form)) {
		uint16_t checksum = rd_u16(&r);

		if (r.err == 0 && checksum != opened_csum(op, op->len - r.left))
			rd_fail(&r);
	}
	return r.err != 0 ? r.err : (int)(op->len - r.left);
}
