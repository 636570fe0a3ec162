// The reply to `ring GROUP` as a drawing: the ring of group addresses from 0 at the top, clockwise,
// its members, our links and what we cover.
#ifndef ANNULUS_CONTROL_ADMIN_RING_DRAW_H
#define ANNULUS_CONTROL_ADMIN_RING_DRAW_H

#include <stdio.h>

// In characters, with a list of our neighbours below. As table_print_reply.
int ring_print_reply(FILE *out, FILE *errors, const char *reply, size_t len);

// As one SVG document.
int ring_svg_reply(FILE *svg, FILE *errors, const char *reply, size_t len);

#endif
