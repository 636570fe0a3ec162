// The recording's `events`: what its applications were told and when, in words. Ours say the same
// about the engine's reports.
#include "tests/vectors/replay.h"

#include <inttypes.h>

// Our alarms may be so late, and a session's end is seen before or after the packet that says so.
#define TOLERANCE_US (REPLAY_ALARM_US + 500)

void event_seen(struct replay *r, const char *format, ...)
{
	struct replay_line *line = &r->seen[r->n_seen++];
	va_list args;

	replay_check(r, r->n_seen <= REPLAY_LINES_MAX, "too many events");
	line->at_us = replay_now_us(r);
	va_start(args, format);
	vsnprintf(line->text, sizeof(line->text), format, args);
	va_end(args);
}

void events_of_end(struct replay *r, struct replay_session *s)
{
	for (uint32_t i = 0; i < s->tx.n; i++)
		if (!s->tx.flows[i].is_closed)
			event_seen(r, "exception reason=0");
	for (uint32_t i = 0; i < s->rx.n; i++)
		if (!s->rx.flows[i].is_finished && !s->rx.flows[i].is_rejected)
			event_seen(r, "complete error=1");
}

// ---- the recording's words ----

// What applications did themselves, or the recorder did to the network.
static bool is_doing(const char *what)
{
	static const char *const doings[] = {
		"NAT mapping",           "NAT rebinding",   "abrupt session close",
		"close return flow",     "close send flow", "introduce",
		"orderly session close", "redirect to",     "rejecting flow",
		"resume delivery",
		"far address verified", // the far end's answer proves nothing to our engine
	};

	for (size_t i = 0; i < ARRAY_LEN(doings); i++)
		if (strncmp(what, doings[i], strlen(doings[i])) == 0)
			return true;
	return false;
}

// Flows have names there; here their messages are matched by number. False: not told to anybody.
static bool in_our_words(const struct replay *r, const char *what, char text[160])
{
	uint64_t seq, n_fragments, len, hash, code;
	char metadata[64], nonce[65];

	if (sscanf(what, "receive flow open (%*[^)]) metadata=%63s near_nonce=%64s", metadata,
		   nonce) == 2)
		snprintf(text, 160, "open metadata=%s near_nonce=%s", metadata, nonce);
	else if (sscanf(what,
			"message (%*[^)]) sn=%" SCNu64 " fragments=%" SCNu64 " len=%" SCNu64
			" sha256=%" SCNx64,
			&seq, &n_fragments, &len, &hash) == 4)
		snprintf(text, 160,
			 "message sn=%" PRIu64 " fragments=%" PRIu64 " len=%" PRIu64
			 " sha256=%016" PRIx64,
			 seq, n_fragments, len, hash);
	else if (sscanf(what, "receive flow complete (%*[^)]) error=%" SCNu64, &code) == 1)
		snprintf(text, 160, "complete error=%" PRIu64, code);
	else if (sscanf(what, "send flow exception (%*[^)]) reason=%" SCNu64, &code) == 1)
		snprintf(text, 160, "exception reason=%" PRIu64, code);
	else if (strncmp(what, "write '", 7) == 0)
		snprintf(text, 160, "%s", strrchr(what, ' ') + 1);
	else if (is_doing(what))
		return false;
	else
		replay_fail(r, "what is \"%s\"?", what);
	return true;
}

uint64_t event_resume_us(const struct replay *r)
{
	for (uint32_t i = 0; i < r->rec->n_events; i++)
		if (strcmp(r->rec->events[i].what, "resume delivery") == 0)
			return r->rec->events[i].at_us;
	return UINT64_MAX;
}

// ---- both ----

static void compare_one(const struct replay *r, const struct rec_event *want, const char *text,
			uint32_t i)
{
	const struct replay_line *seen = &r->seen[i];
	uint64_t later_us, earlier_us;

	replay_check(r, i < r->n_seen, "event %u: \"%s\" (%s) at %.6f never came", i + 1, text,
		     want->what, (double)want->at_us / 1e6);
	replay_check(r, strcmp(seen->text, text) == 0,
		     "event %u: \"%s\" at %.6f instead of \"%s\" (%s) at %.6f", i + 1, seen->text,
		     (double)seen->at_us / 1e6, text, want->what, (double)want->at_us / 1e6);
	later_us = seen->at_us > want->at_us ? seen->at_us : want->at_us;
	earlier_us = seen->at_us > want->at_us ? want->at_us : seen->at_us;
	replay_check(r, later_us - earlier_us <= TOLERANCE_US,
		     "event %u: \"%s\" at %.6f instead of %.6f", i + 1, text,
		     (double)seen->at_us / 1e6, (double)want->at_us / 1e6);
}

void events_compare(struct replay *r)
{
	const char *name = r->rec->endpoints[r->endpoint].name;
	char text[160];
	uint32_t i = 0;

	if (r->row->has_no_events)
		return;
	for (uint32_t k = 0; k < r->rec->n_events; k++) {
		const struct rec_event *want = &r->rec->events[k];

		if (strcmp(want->endpoint, name) == 0 && in_our_words(r, want->what, text))
			compare_one(r, want, text, i++);
	}
	replay_check(r, i == r->n_seen, "event %u: \"%s\" at %.6f was not expected", i + 1,
		     r->seen[i].text, (double)r->seen[i].at_us / 1e6);
}
