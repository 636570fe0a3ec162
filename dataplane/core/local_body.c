// Bodies of our own that several flows send at once: counted references, all on one thread, so
// plain integers. The memory is a body of the engine's pool; the count lives in its first octets.
#include "dataplane/core/internal.h"

#include <string.h>

struct local_body {
	struct body *body;
	uint32_t refs;
	alignas(16) uint8_t data[];
};

struct local_body *local_body_get(struct engine *e, uint32_t len)
{
	struct body *body = body_get(e->bodies, (uint32_t)sizeof(struct local_body) + len);
	struct local_body *local;

	if (body == NULL)
		return NULL;
	local = (struct local_body *)body->data;
	local->body = body;
	local->refs = 1;
	return local;
}

uint8_t *local_body_data(struct local_body *local)
{
	return local->data;
}

void local_body_ref(struct local_body *local)
{
	local->refs++;
}

void local_body_unref(struct engine *e, struct local_body *local)
{
	assert(local->refs > 0);
	if (--local->refs == 0)
		body_put(local->body);
}
