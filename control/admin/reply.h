// What annulusd answered, before anybody shows it.
#ifndef ANNULUS_CONTROL_ADMIN_REPLY_H
#define ANNULUS_CONTROL_ADMIN_REPLY_H

#include <stdio.h>

#include "config/yaml.h"

// The result of {"ok":true,"result":...}, which lives in the arena: 0. For {"ok":false,"error":...}
// the text goes to `errors`: -EREMOTEIO. -EPROTO: it is no such JSON; -ENOMEM.
int reply_read(struct arena *, FILE *errors, const char *reply, size_t len,
	       const struct yaml_node **result);

// Text of a reply, what a terminal would obey as `?`; as many whole characters as fit.
void reply_text(char *out, size_t size, const char *text, size_t len);

#endif
