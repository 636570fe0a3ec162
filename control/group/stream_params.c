#include "control/group/stream_params.h"

#include <errno.h>
#include <string.h>

#include "dataplane/wire/limits.h"

static uint32_t or_default(uint32_t value, uint32_t otherwise)
{
	return value != 0 ? value : otherwise;
}

static uint32_t at_most(uint32_t value, uint32_t max)
{
	return value < max ? value : max;
}

int stream_params_settle(const struct group_stream_params *in, struct group_stream_params *out)
{
	*out = *in;
	out->window_ms = or_default(in->window_ms, STREAM_WINDOW_MS);
	out->margin_ms = or_default(in->margin_ms, STREAM_RELAY_MARGIN_MS);
	out->fetch_ms = at_most(or_default(in->fetch_ms, STREAM_FETCH_MS), out->window_ms / 2);
	out->update_ms = at_most(or_default(in->update_ms, STREAM_UPDATE_MS), out->fetch_ms / 2);
	out->push_neighbours = (uint16_t)or_default(in->push_neighbours, STREAM_PUSH_LIMIT);
	if (out->window_ms > STREAM_WINDOW_MAX_MS || out->margin_ms > STREAM_WINDOW_MAX_MS ||
	    out->update_ms == 0)
		return -EINVAL;
	return 0;
}

const char *group_stream_params_check(const struct group_stream_params *p)
{
	uint32_t window_ms = or_default(p->window_ms, STREAM_WINDOW_MS);
	uint32_t fetch_ms = or_default(p->fetch_ms, at_most(STREAM_FETCH_MS, window_ms / 2));
	uint32_t update_ms = or_default(p->update_ms, at_most(STREAM_UPDATE_MS, fetch_ms / 2));

	if (window_ms > STREAM_WINDOW_MAX_MS)
		return "the window is longer than 120000 ms";
	if (p->margin_ms > STREAM_WINDOW_MAX_MS)
		return "the relay margin is longer than 120000 ms";
	if (fetch_ms >= window_ms)
		return "the fetch period must be shorter than the window";
	if (update_ms == 0 || update_ms >= fetch_ms)
		return "the availability period must be shorter than the fetch period";
	return NULL;
}

// MC-33. In a full mesh of a LAN everybody may be told of everything at once.
bool group_stream_preset(const char *name, struct group_stream_params *out)
{
	static const struct {
		const char *name;
		struct group_stream_params params;
	} ladder[] = {
		{"default", {0}},
		{"low", {.window_ms = 3000, .fetch_ms = 800, .update_ms = 50}},
		{"ultra-low",
		 {.window_ms = 1000, .fetch_ms = 250, .update_ms = 20, .send_to_all = true}},
	};

	for (unsigned i = 0; i < sizeof(ladder) / sizeof(ladder[0]); i++) {
		if (strcmp(name, ladder[i].name) != 0)
			continue;
		*out = ladder[i].params;
		return true;
	}
	return false;
}
