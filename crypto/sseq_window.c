#include "crypto/sseq_window.h"

void sseq_window_init(struct sseq_window *w)
{
	*w = (struct sseq_window){0};
}

static void bit_set(struct sseq_window *w, uint64_t n)
{
	w->taken[n / 64 % (SSEQ_WINDOW_LEN / 64)] |= UINT64_C(1) << n % 64;
}

static void bit_clear(struct sseq_window *w, uint64_t n)
{
	w->taken[n / 64 % (SSEQ_WINDOW_LEN / 64)] &= ~(UINT64_C(1) << n % 64);
}

static bool bit_get(const struct sseq_window *w, uint64_t n)
{
	return w->taken[n / 64 % (SSEQ_WINDOW_LEN / 64)] >> n % 64 & 1;
}

// The window moves up to end below n: the places of numbers that were skipped are free again.
static void advance(struct sseq_window *w, uint64_t n)
{
	uint64_t skipped = n - w->next;

	if (skipped >= SSEQ_WINDOW_LEN)
		w->next = n - SSEQ_WINDOW_LEN; // all of them; a jump of 2^60 costs no more
	while (w->next < n)
		bit_clear(w, w->next++);
}

bool sseq_window_take(struct sseq_window *w, uint64_t n)
{
	if (n == UINT64_MAX) // the count ends below; longer encodings saturate to this, too
		return false;
	if (n >= w->next) {
		advance(w, n);
		w->next = n + 1;
	} else if (w->next - n > SSEQ_WINDOW_LEN || bit_get(w, n)) {
		return false;
	}
	bit_set(w, n);
	return true;
}
