#include "control/bin/peer/progress.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINE_US 1000000
#define SLOW_US 10000000

void progress_init(struct progress *p, bool is_quiet, bool wants_lines, uint64_t now_us)
{
	*p = (struct progress){.is_quiet = is_quiet,
			       .wants_lines = wants_lines,
			       .is_tty = isatty(STDERR_FILENO),
			       .start_us = now_us,
			       .next_us = now_us};
}

uint64_t progress_due_us(const struct progress *p)
{
	return p->is_quiet && !p->wants_lines ? UINT64_MAX : p->next_us;
}

static void clear_line(struct progress *p)
{
	if (p->has_line)
		fputs("\r\033[K", stderr);
	p->has_line = false;
}

void progress_show(struct progress *p, const struct progress_state *s, uint64_t now_us, bool now)
{
	double t = (double)(now_us - p->start_us) / 1e6;

	if (!now && now_us < progress_due_us(p))
		return;
	p->next_us = now_us + (p->wants_lines || p->is_tty ? LINE_US : SLOW_US);
	if (p->wants_lines) {
		fprintf(stderr,
			"t=%.1f state=%s neighbours=%u rtt_ms=%.1f fragments=%" PRIu64
			" late=%" PRIu64 " missing=%" PRIu64 " bytes=%" PRIu64 " stream_ms=%u\n",
			t, s->state, s->n_neighbours, s->rtt_us / 1e3, s->fragments, s->late,
			s->missing, s->bytes, s->stream_ms);
		return;
	}
	if (p->is_quiet)
		return;
	clear_line(p);
	fprintf(stderr,
		"%s  %u neighbours  rtt %.1f ms  %.1f s of stream  %.2f MB  late %" PRIu64
		"  missing %" PRIu64,
		s->state, s->n_neighbours, s->rtt_us / 1e3, s->stream_ms / 1e3,
		(double)s->bytes / 1e6, s->late, s->missing);
	if (p->is_tty)
		p->has_line = true;
	else
		fputc('\n', stderr);
	fflush(stderr);
}

void progress_say(struct progress *p, const char *format, ...)
{
	va_list ap;

	clear_line(p);
	fputs("annulus-peer: ", stderr);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
}

void progress_end(struct progress *p)
{
	if (p->has_line)
		fputc('\n', stderr);
	p->has_line = false;
}
