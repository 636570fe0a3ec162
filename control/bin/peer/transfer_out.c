// What share and fetch tell: a bar on a terminal, lines elsewhere, or JSON objects, one a line,
// with the codes and names of the player's API (netgroup-semantics 12).
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "control/bin/peer/event_json.h"
#include "control/bin/peer/transfer.h"

#define LINE_US 1000000
#define SLOW_US 10000000
#define BAR     30

void transfer_say_event(const struct transfer *t, const struct node_event *e)
{
	if (t->is_json)
		event_json(e, NULL);
}

static void clear_line(struct transfer *t)
{
	if (t->has_line)
		fputs("\r\033[K", stderr);
	t->has_line = false;
}

void transfer_say(struct transfer *t, const char *format, ...)
{
	va_list ap;

	if (t->is_quiet)
		return;
	clear_line(t);
	fputs("annulus-peer: ", stderr);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
}

static void rate_measure(struct transfer *t, uint64_t bytes, uint64_t now_us)
{
	double s = (double)(now_us - t->rate_us) / 1e6;

	if (s < 0.5)
		return;
	if (bytes >= t->rate_bytes && t->rate_us > 0)
		t->rate += (s < 3 ? s / 3 : 1) * ((double)(bytes - t->rate_bytes) / s - t->rate);
	t->rate_us = now_us;
	t->rate_bytes = bytes;
}

// Of all of it, when it is over.
static double rate_mean(const struct transfer *t, uint64_t bytes, uint64_t now_us)
{
	uint64_t since_us = t->begun_us > 0 ? t->begun_us : t->start_us;

	if (now_us <= since_us)
		return 0;
	return (double)(bytes - t->begun_bytes) / ((double)(now_us - since_us) / 1e6);
}

static void say_bar(uint64_t bytes, uint64_t length)
{
	uint32_t full = length > 0 ? (uint32_t)((double)bytes / (double)length * BAR) : BAR;
	char bar[BAR + 1];

	for (uint32_t i = 0; i < BAR; i++)
		bar[i] = i < full ? '#' : '.';
	bar[BAR] = '\0';
	fprintf(stderr, " [%s] %3.0f %%", bar,
		length > 0 ? (double)bytes / (double)length * 100 : 100);
}

void transfer_progress(struct transfer *t, const char *state, uint64_t now_us, bool now)
{
	const struct peer_args *a = t->peer->args;
	bool is_fetch = a->command == PEER_CMD_FETCH;
	uint64_t length = t->file != NULL ? shared_file_layout(t->file)->length : 0;
	uint64_t bytes = t->file != NULL ? shared_file_bytes(t->file) : 0;

	if (t->start_us == 0) {
		t->start_us = now_us;
		t->is_tty = isatty(STDERR_FILENO);
	}
	rate_measure(t, is_fetch ? bytes : t->given_bytes, now_us);
	if (now)
		t->rate = rate_mean(t, is_fetch ? bytes : t->given_bytes, now_us);
	if (!now && now_us < t->say_us)
		return;
	t->say_us = now_us + (a->wants_lines || t->is_tty ? LINE_US : SLOW_US);
	if (a->wants_lines) {
		fprintf(stderr,
			"t=%.1f state=%s neighbours=%u sources=%u bytes=%" PRIu64 " length=%" PRIu64
			" rate=%.0f given=%" PRIu64 " given_bytes=%" PRIu64 "\n",
			(double)(now_us - t->start_us) / 1e6, state, t->join.n_neighbours,
			transfer_n_sources(t, now_us), bytes, length, t->rate, t->n_given,
			t->given_bytes);
		return;
	}
	if (t->is_quiet)
		return;
	clear_line(t);
	fputs(state, stderr);
	if (is_fetch && t->file != NULL)
		say_bar(bytes, length);
	fprintf(stderr, "  %.1f of %.1f MB  %.2f MB/s", (double)bytes / 1e6, (double)length / 1e6,
		t->rate / 1e6);
	if (is_fetch)
		fprintf(stderr, "  %u sources", transfer_n_sources(t, now_us));
	fprintf(stderr, "  %u neighbours  given %.1f MB", t->join.n_neighbours,
		(double)t->given_bytes / 1e6);
	t->has_line = t->is_tty && !now;
	if (!t->has_line)
		fputc('\n', stderr);
	fflush(stderr);
}

void transfer_say_result(struct transfer *t, const char *command, const char *result)
{
	uint8_t hash[FILE_HASH_LEN];
	struct json_out j;

	shared_file_hash(t->file, hash);
	clear_line(t);
	if (t->is_json) {
		struct span name = shared_file_name(t->file);

		j = json_line_begin();
		json_put_string(&j, "command", command);
		json_put_string(&j, "result", result);
		json_put_hex(&j, "root", hash, sizeof(hash));
		json_put_u64(&j, "length", shared_file_layout(t->file)->length);
		json_put_u64(&j, "lastIndex", file_last_index(shared_file_layout(t->file)));
		json_key(&j, "name");
		json_string_n(&j, (const char *)name.data, name.len);
		json_line_end(&j);
		return;
	}
	printf("%s ", result);
	for (unsigned i = 0; i < sizeof(hash); i++)
		printf("%02x", hash[i]);
	putchar('\n');
	fflush(stdout);
}
