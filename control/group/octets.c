#include "control/group/octets.h"

#include <stdlib.h>
#include <string.h>

struct octets *octets_copy(struct span s)
{
	struct octets *o = malloc(sizeof(*o) + s.len);

	if (o == NULL)
		return NULL;
	o->n_holders = 1;
	o->len = (uint32_t)s.len;
	if (s.len > 0)
		memcpy(o->data, s.data, s.len);
	return o;
}

struct octets *octets_hold(struct octets *o)
{
	if (o != NULL)
		o->n_holders++;
	return o;
}

void octets_drop(struct octets *o)
{
	if (o != NULL && --o->n_holders == 0)
		free(o);
}
