// Quantities as people write them: 15s, 64MiB, 2.5Mbit/s. The number and its unit stand together,
// the unit is never left out, a fraction is taken only if it is whole in the smallest unit (2.5s is
// 2 500 000 us, 0.5us is nothing).
#ifndef ANNULUS_CONFIG_UNITS_H
#define ANNULUS_CONFIG_UNITS_H

#include <stddef.h>
#include <stdint.h>

// Each reads the whole text or nothing. Return 0, -EINVAL if it is not of that form, -ERANGE if it
// does not fit 64 bits or is not whole in the smallest unit.
int units_parse_count(uint64_t *n, const char *text, size_t len);         // 16384
int units_parse_duration(uint64_t *us, const char *text, size_t len);     // us ms s min h
int units_parse_size(uint64_t *bytes, const char *text, size_t len);      // B KiB MiB GiB kB MB GB
int units_parse_rate(uint64_t *bits_per_s, const char *text, size_t len); // bit/s kbit/s ...

#define UNITS_TEXT_SIZE 32

// Writes the exact value in the largest unit that needs no fraction: 1500 ms is 1500ms. Parsing the
// text gives the value back.
void units_print_duration(char out[UNITS_TEXT_SIZE], uint64_t us);
void units_print_size(char out[UNITS_TEXT_SIZE], uint64_t bytes);
void units_print_rate(char out[UNITS_TEXT_SIZE], uint64_t bits_per_s);

// For eyes: about three figures and a space, "1.50 ms", "3.2 MiB", "2.00 Mbit/s".
void units_show_duration(char out[UNITS_TEXT_SIZE], uint64_t us);
void units_show_size(char out[UNITS_TEXT_SIZE], uint64_t bytes);
void units_show_rate(char out[UNITS_TEXT_SIZE], uint64_t bits_per_s);

#endif
