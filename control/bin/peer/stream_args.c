#include "control/bin/peer/stream_args.h"

#include <stdio.h>
#include <string.h>

static int take_ms(const char *option, const char *text, uint32_t min, uint32_t *out)
{
	return peer_args_number(option, text, min, 120000, out);
}

static int take_preset(struct peer_args *a, const char *text)
{
	if (group_stream_preset(text, &a->preset))
		return 0;
	fprintf(stderr, "annulus-peer: --preset: '%s' is not default, low or ultra-low\n", text);
	return PEER_USAGE;
}

int stream_args_take(struct peer_args *a, enum stream_option option, const char *v)
{
	struct group_stream_params *p = &a->params;
	uint32_t n = 0;
	int err;

	switch (option) {
	case STREAM_OPT_PRESET:
		return take_preset(a, v);
	case STREAM_OPT_WINDOW:
		return take_ms("window", v, 100, &p->window_ms);
	case STREAM_OPT_MARGIN:
		return take_ms("relay-margin", v, 1, &p->margin_ms);
	case STREAM_OPT_FETCH:
		return take_ms("fetch-period", v, 1, &p->fetch_ms);
	case STREAM_OPT_UPDATE:
		return take_ms("availability-period", v, 1, &p->update_ms);
	case STREAM_OPT_PUSH:
		err = peer_args_number("push-neighbours", v, 1, UINT16_MAX, &n);
		p->push_neighbours = (uint16_t)n;
		return err;
	default:
		p->send_to_all = true;
		return 0;
	}
}

static uint32_t given_or(uint32_t given, uint32_t preset)
{
	return given != 0 ? given : preset;
}

int stream_args_check(struct peer_args *a)
{
	struct group_stream_params *p = &a->params;
	const char *why;

	p->window_ms = given_or(p->window_ms, a->preset.window_ms);
	p->fetch_ms = given_or(p->fetch_ms, a->preset.fetch_ms);
	p->update_ms = given_or(p->update_ms, a->preset.update_ms);
	p->send_to_all |= a->preset.send_to_all;
	why = group_stream_params_check(p);
	if (why == NULL)
		return 0;
	fprintf(stderr, "annulus-peer %s: --window, --fetch-period, --availability-period: %s\n",
		peer_command_name(a->command), why);
	return PEER_USAGE;
}

bool stream_args_given(const struct peer_args *a)
{
	static const struct group_stream_params none;

	return memcmp(&a->params, &none, sizeof(none)) != 0;
}
