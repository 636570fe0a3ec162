#include "config/utf8.h"

// Shape of a first octet: the bits that name the length, and the least character that needs it.
static const struct {
	uint8_t mask, mark;
	uint32_t least;
} shapes[] = {{0x80, 0x00, 0}, {0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};

size_t utf8_read(uint32_t *c, const char *s, size_t left)
{
	const uint8_t *u = (const uint8_t *)s;
	size_t n = 0;

	*c = 0;
	if (left == 0)
		return 0;
	while (n < 4 && (u[0] & shapes[n].mask) != shapes[n].mark)
		n++;
	if (n == 4 || n + 1 > left)
		return 0;
	*c = u[0] & (uint8_t)~shapes[n].mask;
	for (size_t i = 1; i <= n; i++) {
		if ((u[i] & 0xc0) != 0x80)
			return 0;
		*c = *c << 6 | (u[i] & 0x3f);
	}
	if (*c < shapes[n].least || *c > 0x10ffff || (*c >= 0xd800 && *c <= 0xdfff))
		return 0;
	return n + 1;
}
