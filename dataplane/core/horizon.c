#include "dataplane/core/horizon.h"

#include <string.h>

void horizon_init(struct horizon *h, uint32_t span_ms)
{
	memset(h, 0, sizeof(*h));
	h->span_ms = span_ms;
}

static struct horizon_sample *sample_at(struct horizon *h, uint32_t i)
{
	return &h->sample[(h->first + i) % HORIZON_SAMPLES];
}

uint64_t horizon_passed(struct horizon *h, uint32_t now_ms)
{
	while (h->n > 0 && (int32_t)(now_ms - sample_at(h, 0)->at_ms - h->span_ms) >= 0) {
		horizon_pass(h, sample_at(h, 0)->no);
		h->first = (h->first + 1) % HORIZON_SAMPLES;
		h->n--;
	}
	return h->passed;
}

// Numbers that become known within a sixteenth of the span share a sample.
void horizon_note(struct horizon *h, uint64_t no, uint32_t now_ms)
{
	struct horizon_sample *last;

	horizon_passed(h, now_ms);
	if (no <= h->newest)
		return;
	h->newest = no;
	last = h->n > 0 ? sample_at(h, h->n - 1) : NULL;
	if (last == NULL || (now_ms - last->start_ms > h->span_ms / 16 && h->n < HORIZON_SAMPLES)) {
		last = sample_at(h, h->n++);
		last->start_ms = now_ms;
	}
	last->no = no;
	last->at_ms = now_ms;
}

void horizon_pass(struct horizon *h, uint64_t no)
{
	if (no > h->passed)
		h->passed = no;
	if (no > h->newest)
		h->newest = no;
}
