#include "config/units.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct unit {
	const char *name;
	uint64_t scale; // in the smallest unit
	bool is_shown;  // also used for printing; of two rivals (kB, KiB) only one is
};

// Ascending by scale.
static const struct unit durations[] = {
	{"us", 1, true},
	{"ms", 1000, true},
	{"s", 1000 * 1000, true},
	{"min", 60ull * 1000 * 1000, true},
	{"h", 3600ull * 1000 * 1000, true},
	{0},
};
static const struct unit sizes[] = {
	{"B", 1, true},         {"kB", 1000, false},
	{"KiB", 1 << 10, true}, {"MB", 1000 * 1000, false},
	{"MiB", 1 << 20, true}, {"GB", 1000 * 1000 * 1000, false},
	{"GiB", 1 << 30, true}, {0},
};
static const struct unit rates[] = {
	{"bit/s", 1, true},
	{"kbit/s", 1000, true},
	{"Mbit/s", 1000 * 1000, true},
	{"Gbit/s", 1000 * 1000 * 1000, true},
	{0},
};

// digits[.digits] as mantissa / 10^decimals. A uint64_t has at most 20 digits; we take 19, which
// always fit.
struct decimal {
	uint64_t mantissa;
	unsigned decimals;
	size_t len; // octets read
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static int decimal_read(struct decimal *d, const char *text, size_t len)
{
	unsigned digits = 0;
	bool has_point = false;
	size_t i;

	*d = (struct decimal){0};
	for (i = 0; i < len; i++) {
		if (text[i] == '.' && !has_point && digits > 0) {
			has_point = true;
			continue;
		}
		if (!is_digit(text[i]))
			break;
		if (++digits > 19)
			return -ERANGE;
		d->mantissa = d->mantissa * 10 + (uint64_t)(text[i] - '0');
		d->decimals += has_point;
	}
	d->len = i;
	if (digits == 0 || text[i - 1] == '.')
		return -EINVAL;
	return 0;
}

static const struct unit *unit_find(const struct unit *units, const char *name, size_t len)
{
	for (const struct unit *u = units; u->name != NULL; u++)
		if (strlen(u->name) == len && memcmp(u->name, name, len) == 0)
			return u;
	return NULL;
}

static int quantity_parse(uint64_t *value, const struct unit *units, const char *text, size_t len)
{
	const struct unit *u;
	unsigned __int128 v;
	struct decimal d;
	int err = decimal_read(&d, text, len);

	if (err == -EINVAL)
		return err;
	if (err != 0)
		return -ERANGE;
	u = unit_find(units, text + d.len, len - d.len);
	if (u == NULL)
		return -EINVAL;
	v = (unsigned __int128)d.mantissa * u->scale;
	for (unsigned i = 0; i < d.decimals; i++) {
		if (v % 10 != 0)
			return -ERANGE;
		v /= 10;
	}
	if (v > UINT64_MAX)
		return -ERANGE;
	*value = (uint64_t)v;
	return 0;
}

int units_parse_count(uint64_t *n, const char *text, size_t len)
{
	struct decimal d;
	int err = decimal_read(&d, text, len);

	if (err != 0)
		return err;
	if (d.len != len || d.decimals != 0)
		return -EINVAL;
	*n = d.mantissa;
	return 0;
}

int units_parse_duration(uint64_t *us, const char *text, size_t len)
{
	return quantity_parse(us, durations, text, len);
}

int units_parse_size(uint64_t *bytes, const char *text, size_t len)
{
	return quantity_parse(bytes, sizes, text, len);
}

int units_parse_rate(uint64_t *bits_per_s, const char *text, size_t len)
{
	return quantity_parse(bits_per_s, rates, text, len);
}

static void quantity_print(char out[UNITS_TEXT_SIZE], const struct unit *units, uint64_t value)
{
	const struct unit *best = units;

	for (const struct unit *u = units; u->name != NULL; u++)
		if (u->is_shown && value != 0 && value % u->scale == 0)
			best = u;
	snprintf(out, UNITS_TEXT_SIZE, "%" PRIu64 "%s", value / best->scale, best->name);
}

void units_print_duration(char out[UNITS_TEXT_SIZE], uint64_t us)
{
	quantity_print(out, durations, us);
}

void units_print_size(char out[UNITS_TEXT_SIZE], uint64_t bytes)
{
	quantity_print(out, sizes, bytes);
}

void units_print_rate(char out[UNITS_TEXT_SIZE], uint64_t bits_per_s)
{
	quantity_print(out, rates, bits_per_s);
}

static void quantity_show(char out[UNITS_TEXT_SIZE], const struct unit *units, uint64_t value)
{
	const struct unit *best = units;
	double v;
	int decimals;

	for (const struct unit *u = units; u->name != NULL; u++)
		if (u->is_shown && value >= u->scale)
			best = u;
	v = (double)value / (double)best->scale;
	decimals = best == units || v >= 100 ? 0 : v >= 10 ? 1 : 2;
	snprintf(out, UNITS_TEXT_SIZE, "%.*f %s", decimals, v, best->name);
}

void units_show_duration(char out[UNITS_TEXT_SIZE], uint64_t us)
{
	quantity_show(out, durations, us);
}

void units_show_size(char out[UNITS_TEXT_SIZE], uint64_t bytes)
{
	quantity_show(out, sizes, bytes);
}

void units_show_rate(char out[UNITS_TEXT_SIZE], uint64_t bits_per_s)
{
	quantity_show(out, rates, bits_per_s);
}
