// UTF-8 (RFC 3629), as far as text from elsewhere must be told from octets that are none.
#ifndef ANNULUS_CONFIG_UTF8_H
#define ANNULUS_CONFIG_UTF8_H

#include <stddef.h>
#include <stdint.h>

// Octets of the character at `s`, 1 to 4, and the character itself in *c; 0 if these octets are no
// character (cut, overlong, a surrogate, beyond U+10FFFF). `left` is how many may be looked at.
size_t utf8_read(uint32_t *c, const char *s, size_t left);

#endif
