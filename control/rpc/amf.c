// Documents: nodes, look-ups, and what both encodings share.
#include "control/rpc/amf.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "control/rpc/amf_internal.h"

bool amf_failed(const struct amf_reader *a)
{
	return a->r.err != 0 || a->limit != 0;
}

void amf_over_limit(struct amf_reader *a)
{
	a->limit = -E2BIG;
	a->r.left = 0;
}

double rd_double(struct rd *r)
{
	uint64_t bits = rd_u64(r);
	double v;

	memcpy(&v, &bits, sizeof(v));
	return v;
}

uint16_t amf_node_new(struct amf_reader *a, uint8_t type)
{
	struct amf_doc *d = a->doc;

	if (d->n == AMF_NODES_MAX) {
		amf_over_limit(a);
		return AMF_NONE;
	}
	d->nodes[d->n] = (struct amf_node){.type = type, .child = AMF_NONE, .next = AMF_NONE};
	return d->n++;
}

void amf_node_add(struct amf_doc *d, uint16_t parent, uint16_t child, uint16_t *last)
{
	if (child == AMF_NONE)
		return;
	if (*last != AMF_NONE)
		d->nodes[*last].next = child;
	else if (parent != AMF_NONE)
		d->nodes[parent].child = child;
	*last = child;
}

const struct amf_node *amf_at(const struct amf_doc *d, uint32_t i)
{
	uint16_t at = d->n > 0 ? 0 : AMF_NONE;

	while (at != AMF_NONE && i-- > 0)
		at = d->nodes[at].next;
	return at != AMF_NONE ? &d->nodes[at] : NULL;
}

const struct amf_node *amf_get(const struct amf_doc *d, const struct amf_node *n, const char *name)
{
	size_t len = strlen(name);

	if (n != NULL && n->type == AMF_REFERENCE)
		n = &d->nodes[(uint16_t)n->number];
	if (n == NULL || (n->type != AMF_OBJECT && n->type != AMF_ARRAY))
		return NULL;
	for (uint16_t at = n->child; at != AMF_NONE; at = d->nodes[at].next) {
		const struct amf_node *c = &d->nodes[at];

		if (c->name.len == len && len > 0 && memcmp(c->name.data, name, len) == 0)
			return c;
	}
	return NULL;
}

bool amf_is_text(const struct amf_node *n, const char *text)
{
	return n != NULL && n->type == AMF_STRING && n->text.len == strlen(text) &&
	       (n->text.len == 0 || memcmp(n->text.data, text, n->text.len) == 0);
}

const char *amf_text(const struct amf_node *n, char *buf, uint32_t max)
{
	uint32_t len = 0;

	if (n != NULL && n->type == AMF_STRING) {
		len = n->text.len < max - 1 ? (uint32_t)n->text.len : max - 1;
		if (len > 0)
			memcpy(buf, n->text.data, len);
	}
	buf[len] = '\0';
	return buf;
}
