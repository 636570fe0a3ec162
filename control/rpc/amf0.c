// Reading AMF0.
#include <errno.h>
#include <string.h>

#include "control/rpc/amf_internal.h"

enum amf0_marker {
	M_NUMBER = 0,
	M_BOOLEAN = 1,
	M_STRING = 2,
	M_OBJECT = 3,
	M_NULL = 5,
	M_UNDEFINED = 6,
	M_REFERENCE = 7,
	M_ECMA_ARRAY = 8,
	M_END = 9,
	M_STRICT_ARRAY = 10,
	M_DATE = 11,
	M_LONG_STRING = 12,
	M_UNSUPPORTED = 13,
	M_XML = 15,
	M_TYPED_OBJECT = 16,
	M_AMF3 = 17,
};

static uint16_t value(struct amf_reader *a, unsigned depth);

static struct span short_text(struct amf_reader *a)
{
	return rd_bytes(&a->r, rd_u16(&a->r));
}

// Objects and arrays get reference numbers in the order they begin.
static uint16_t complex_new(struct amf_reader *a, uint8_t type)
{
	uint16_t n = amf_node_new(a, type);

	if (n != AMF_NONE)
		a->objects[a->n_objects++] = n;
	return n;
}

// name, value ... until the empty name and the end marker.
static void members(struct amf_reader *a, uint16_t parent, unsigned depth)
{
	uint16_t last = AMF_NONE;

	while (!amf_failed(a)) {
		struct span name = short_text(a);
		uint16_t child;

		if (name.len == 0 && a->r.left > 0 && a->r.at[0] == M_END) {
			rd_u8(&a->r);
			return;
		}
		child = value(a, depth + 1);
		if (child != AMF_NONE)
			a->doc->nodes[child].name = name;
		amf_node_add(a->doc, parent, child, &last);
	}
}

static uint16_t object(struct amf_reader *a, unsigned depth, uint8_t marker)
{
	uint16_t n = complex_new(a, marker == M_ECMA_ARRAY ? AMF_ARRAY : AMF_OBJECT);

	if (n == AMF_NONE)
		return n;
	if (marker == M_TYPED_OBJECT)
		a->doc->nodes[n].text = short_text(a);
	if (marker == M_ECMA_ARRAY)
		rd_u32(&a->r); // a hint of the length, often wrong
	members(a, n, depth);
	return n;
}

static uint16_t strict_array(struct amf_reader *a, unsigned depth)
{
	uint16_t n = complex_new(a, AMF_ARRAY), last = AMF_NONE;
	uint32_t count = rd_u32(&a->r);

	for (uint32_t i = 0; i < count && !amf_failed(a); i++)
		amf_node_add(a->doc, n, value(a, depth + 1), &last);
	return n;
}

static uint16_t number(struct amf_reader *a, uint8_t type, double v)
{
	uint16_t n = amf_node_new(a, type);

	if (n != AMF_NONE)
		a->doc->nodes[n].number = v;
	return n;
}

static uint16_t text(struct amf_reader *a, uint8_t type, struct span s)
{
	uint16_t n = amf_node_new(a, type);

	if (n != AMF_NONE)
		a->doc->nodes[n].text = s;
	return n;
}

static uint16_t reference(struct amf_reader *a)
{
	uint16_t to = rd_u16(&a->r);

	if (to >= a->n_objects) {
		rd_fail(&a->r);
		return AMF_NONE;
	}
	return number(a, AMF_REFERENCE, a->objects[to]);
}

static uint16_t date(struct amf_reader *a)
{
	double ms = rd_double(&a->r);

	rd_u16(&a->r); // time zone: reserved
	return number(a, AMF_DATE, ms);
}

static uint16_t value(struct amf_reader *a, unsigned depth)
{
	uint8_t marker = rd_u8(&a->r);

	if (depth >= AMF_DEPTH_MAX)
		amf_over_limit(a);
	if (amf_failed(a))
		return AMF_NONE;
	switch (marker) {
	case M_NUMBER:
		return number(a, AMF_NUMBER, rd_double(&a->r));
	case M_BOOLEAN:
		return number(a, AMF_BOOLEAN, rd_u8(&a->r) != 0);
	case M_STRING:
		return text(a, AMF_STRING, short_text(a));
	case M_LONG_STRING:
		return text(a, AMF_STRING, rd_bytes(&a->r, rd_u32(&a->r)));
	case M_XML:
		return text(a, AMF_XML, rd_bytes(&a->r, rd_u32(&a->r)));
	case M_OBJECT:
	case M_ECMA_ARRAY:
	case M_TYPED_OBJECT:
		return object(a, depth, marker);
	case M_STRICT_ARRAY:
		return strict_array(a, depth);
	case M_NULL:
		return amf_node_new(a, AMF_NULL);
	case M_UNDEFINED:
	case M_UNSUPPORTED:
		return amf_node_new(a, AMF_UNDEFINED);
	case M_REFERENCE:
		return reference(a);
	case M_DATE:
		return date(a);
	case M_AMF3:
		return amf3_value(a, depth);
	default:
		rd_fail(&a->r);
		return AMF_NONE;
	}
}

int amf0_read(struct amf_doc *d, struct span data)
{
	struct amf3_tables tables = {.n_strings = 0};
	struct amf_reader a = {.doc = d, .r = rd_over(data.data, data.len), .amf3 = &tables};
	uint16_t last = AMF_NONE;

	d->n = 0;
	while (a.r.left > 0 && !amf_failed(&a)) {
		// Each AMF3 value inside AMF0 starts with empty tables.
		tables.n_strings = tables.n_objects = tables.n_traits = 0;
		amf_node_add(d, AMF_NONE, value(&a, 0), &last);
	}
	if (a.limit != 0)
		return a.limit;
	return a.r.err;
}
