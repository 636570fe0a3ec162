#include "config/diag.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_SHOWN = 160 }; // characters of a quoted line

void diag_add(struct diag *d, struct yaml_place place, const char *fmt, ...)
{
	struct diag_entry *e;
	va_list args;

	if (d->n++ >= DIAG_MAX)
		return;
	e = &d->at[d->n - 1];
	e->place = place;
	e->order = d->n;
	va_start(args, fmt);
	vsnprintf(e->text, sizeof(e->text), fmt, args);
	va_end(args);
}

static int by_place(const void *a, const void *b)
{
	const struct diag_entry *x = a, *y = b;

	if (x->place.line != y->place.line)
		return x->place.line < y->place.line ? -1 : 1;
	if (x->place.column != y->place.column)
		return x->place.column < y->place.column ? -1 : 1;
	return x->order < y->order ? -1 : 1;
}

static bool is_harmless(char c)
{
	return (unsigned char)c >= 0x20 && c != 0x7f;
}

static void print_text(FILE *out, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		fputc(is_harmless(text[i]) || text[i] == '\t' ? text[i] : '?', out);
}

// A line of the text, without its end.
struct line {
	const char *at;
	size_t len;
};

static struct line line_find(const struct diag *d, uint32_t number)
{
	const char *at = d->text, *end;
	size_t left = at != NULL ? d->len : 0;

	if (left >= 3 &&
	    memcmp(at, "\xef\xbb\xbf", 3) == 0) { // byte order mark: no column of its own
		at += 3;
		left -= 3;
	}
	for (uint32_t i = 1; left > 0; i++) {
		end = memchr(at, '\n', left);
		if (i == number || end == NULL) {
			size_t len = end != NULL ? (size_t)(end - at) : left;

			if (i != number)
				break;
			if (len > 0 && at[len - 1] == '\r')
				len--;
			return (struct line){at, len};
		}
		left -= (size_t)(end + 1 - at);
		at = end + 1;
	}
	return (struct line){NULL, 0};
}

// Octets of the character that begins at `s`.
static size_t char_len(const char *s, size_t left)
{
	size_t n = 1;

	while (n < left && ((unsigned char)s[n] & 0xc0) == 0x80)
		n++;
	return n;
}

// The caret's line: as wide as the text above it, so tabs stay tabs.
static void print_caret(FILE *out, struct line line, struct yaml_place place)
{
	uint32_t column = 1;
	size_t i = 0;

	while (column < place.column && i < line.len) {
		fputc(line.at[i] == '\t' ? '\t' : ' ', out);
		i += char_len(line.at + i, line.len - i);
		column++;
	}
	fputc('^', out);
	for (uint32_t w = 1; w < place.width && column + w <= LINE_SHOWN; w++)
		fputc('~', out);
}

static void print_entry(const struct diag *d, const struct diag_entry *e, FILE *out)
{
	struct line line;
	size_t shown = 0, chars = 0;

	if (e->place.line == 0) {
		fprintf(out, "%s: error: ", d->name);
		print_text(out, e->text, strlen(e->text));
		fputc('\n', out);
		return;
	}
	fprintf(out, "%s:%u:%u: error: ", d->name, e->place.line, e->place.column);
	print_text(out, e->text, strlen(e->text));
	fputc('\n', out);
	line = line_find(d, e->place.line);
	if (line.at == NULL || e->place.column > LINE_SHOWN)
		return; // the end of the text, or too far right for a terminal
	while (shown < line.len && chars++ < LINE_SHOWN)
		shown += char_len(line.at + shown, line.len - shown);
	fprintf(out, "%5u | ", e->place.line);
	print_text(out, line.at, shown);
	fprintf(out, "%s\n      | ", shown < line.len ? " ..." : "");
	print_caret(out, line, e->place);
	fputc('\n', out);
}

void diag_print(struct diag *d, FILE *out)
{
	uint32_t kept = d->n < DIAG_MAX ? d->n : DIAG_MAX;

	qsort(d->at, kept, sizeof(d->at[0]), by_place);
	for (uint32_t i = 0; i < kept; i++)
		print_entry(d, &d->at[i], out);
	if (d->n > kept)
		fprintf(out, "%s: error: and %u more\n", d->name, d->n - kept);
}
