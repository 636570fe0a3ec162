// Any octets as what was received and as what was decrypted, in every form of packet.
#include <assert.h>

#include "crypto/packet_form.h"
#include "crypto/sseq_window.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t tags[] = {0, 4, 10, 32};
	struct sseq_window w;

	sseq_window_init(&w);
	for (unsigned i = 0; i < 8; i++) {
		struct packet_form form = {tags[i / 2], i & 1};
		int sealed_len = packet_form_open_check(form, size);
		uint64_t sseq = 0;
		int front_len = packet_form_strip(form, data, size, &sseq);

		assert(sealed_len < 0 || (size_t)sealed_len + form.tag_len == size);
		assert(front_len <= (int)size);
		if (front_len >= 0 && form.has_sseq && sseq_window_take(&w, sseq))
			assert(!sseq_window_take(&w, sseq));
	}
	return 0;
}
