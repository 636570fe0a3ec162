// Reading AMF3.
#include <errno.h>
#include <string.h>

#include "control/rpc/amf_internal.h"

enum amf3_marker {
	M_UNDEFINED = 0,
	M_NULL = 1,
	M_FALSE = 2,
	M_TRUE = 3,
	M_INTEGER = 4,
	M_DOUBLE = 5,
	M_STRING = 6,
	M_XML_DOC = 7,
	M_DATE = 8,
	M_ARRAY = 9,
	M_OBJECT = 10,
	M_XML = 11,
	M_BYTE_ARRAY = 12,
	M_VECTOR_INT = 13,
	M_VECTOR_UINT = 14,
	M_VECTOR_DOUBLE = 15,
	M_VECTOR_OBJECT = 16,
	M_DICTIONARY = 17,
};

// 7 bits an octet, but 8 in the fourth.
static uint32_t u29(struct rd *r)
{
	uint32_t v = 0;

	for (int i = 0; i < 3; i++) {
		uint8_t octet = rd_u8(r);

		v = v << 7 | (octet & 0x7f);
		if (!(octet & 0x80))
			return v;
	}
	return v << 8 | rd_u8(r);
}

static void remember_object(struct amf_reader *a, uint16_t node)
{
	if (a->amf3->n_objects == AMF3_TABLE_MAX)
		amf_over_limit(a);
	else
		a->amf3->objects[a->amf3->n_objects++] = node;
}

static struct span string(struct amf_reader *a)
{
	struct amf3_tables *t = a->amf3;
	uint32_t head = u29(&a->r);
	struct span s;

	if (!(head & 1)) {
		if (head >> 1 < t->n_strings)
			return t->strings[head >> 1];
		rd_fail(&a->r);
		return (struct span){NULL, 0};
	}
	s = rd_bytes(&a->r, head >> 1);
	if (s.len == 0) // the empty string has no number
		return s;
	if (t->n_strings == AMF3_TABLE_MAX)
		amf_over_limit(a);
	else
		t->strings[t->n_strings++] = s;
	return s;
}

// Everything that may be a reference begins alike. True: it was one, and *node is it.
static bool referred(struct amf_reader *a, uint32_t head, uint16_t *node)
{
	if (head & 1)
		return false;
	*node = AMF_NONE;
	if (head >> 1 >= a->amf3->n_objects) {
		rd_fail(&a->r);
		return true;
	}
	*node = amf_node_new(a, AMF_REFERENCE);
	if (*node != AMF_NONE)
		a->doc->nodes[*node].number = a->amf3->objects[head >> 1];
	return true;
}

static uint16_t text_like(struct amf_reader *a, uint8_t type)
{
	uint32_t head = u29(&a->r);
	uint16_t n;

	if (referred(a, head, &n))
		return n;
	n = amf_node_new(a, type);
	if (n == AMF_NONE)
		return n;
	remember_object(a, n);
	a->doc->nodes[n].text = rd_bytes(&a->r, head >> 1);
	return n;
}

static uint16_t date(struct amf_reader *a)
{
	uint32_t head = u29(&a->r);
	uint16_t n;

	if (referred(a, head, &n))
		return n;
	n = amf_node_new(a, AMF_DATE);
	if (n == AMF_NONE)
		return n;
	remember_object(a, n);
	a->doc->nodes[n].number = rd_double(&a->r);
	return n;
}

// name, value ... until the empty name.
static void named_members(struct amf_reader *a, uint16_t parent, uint16_t *last, unsigned depth)
{
	for (;;) {
		struct span name = string(a);
		uint16_t child;

		if (name.len == 0 || amf_failed(a))
			return;
		child = amf3_value(a, depth + 1);
		if (child != AMF_NONE)
			a->doc->nodes[child].name = name;
		amf_node_add(a->doc, parent, child, last);
	}
}

static uint16_t array(struct amf_reader *a, unsigned depth)
{
	uint32_t head = u29(&a->r);
	uint16_t n, last = AMF_NONE;

	if (referred(a, head, &n))
		return n;
	n = amf_node_new(a, AMF_ARRAY);
	if (n == AMF_NONE)
		return n;
	remember_object(a, n);
	named_members(a, n, &last, depth);
	for (uint32_t i = 0; i < head >> 1 && !amf_failed(a); i++)
		amf_node_add(a->doc, n, amf3_value(a, depth + 1), &last);
	return n;
}

// What an object of this class looks like; NULL: broken or over a limit.
static const struct amf3_traits *traits(struct amf_reader *a, uint32_t head)
{
	struct amf3_tables *t = a->amf3;
	struct amf3_traits *new;
	uint32_t count = head >> 4;

	if (!(head & 2)) {
		if (head >> 2 < t->n_traits)
			return &t->traits[head >> 2];
		rd_fail(&a->r);
		return NULL;
	}
	if (t->n_traits == sizeof(t->traits) / sizeof(t->traits[0]) ||
	    count > sizeof(new->members) / sizeof(new->members[0])) {
		amf_over_limit(a);
		return NULL;
	}
	new = &t->traits[t->n_traits++];
	*new = (struct amf3_traits){.is_external = head & 4, .is_dynamic = head & 8};
	new->class_name = string(a);
	if (new->is_external) { // its octets mean something to its class alone
		rd_fail(&a->r);
		return NULL;
	}
	new->n_members = (uint8_t)count;
	for (uint32_t i = 0; i < count; i++)
		new->members[i] = string(a);
	return new;
}

static uint16_t object(struct amf_reader *a, unsigned depth)
{
	uint32_t head = u29(&a->r);
	const struct amf3_traits *t;
	uint16_t n, last = AMF_NONE;

	if (referred(a, head, &n))
		return n;
	t = traits(a, head);
	if (t == NULL)
		return AMF_NONE;
	n = amf_node_new(a, AMF_OBJECT);
	if (n == AMF_NONE)
		return n;
	remember_object(a, n);
	a->doc->nodes[n].text = t->class_name;
	for (uint8_t i = 0; i < t->n_members && !amf_failed(a); i++) {
		uint16_t child = amf3_value(a, depth + 1);

		if (child != AMF_NONE)
			a->doc->nodes[child].name = t->members[i];
		amf_node_add(a->doc, n, child, &last);
	}
	if (t->is_dynamic)
		named_members(a, n, &last, depth);
	return n;
}

// Vectors of numbers become arrays.
static uint16_t vector(struct amf_reader *a, uint8_t marker, unsigned depth)
{
	uint32_t head = u29(&a->r);
	uint16_t n, last = AMF_NONE;

	if (referred(a, head, &n))
		return n;
	n = amf_node_new(a, AMF_ARRAY);
	if (n == AMF_NONE)
		return n;
	remember_object(a, n);
	rd_u8(&a->r); // fixed length or not
	if (marker == M_VECTOR_OBJECT)
		string(a); // class name
	for (uint32_t i = 0; i < head >> 1 && !amf_failed(a); i++) {
		uint16_t child;

		if (marker == M_VECTOR_OBJECT) {
			child = amf3_value(a, depth + 1);
		} else {
			child = amf_node_new(a, AMF_NUMBER);
			if (child == AMF_NONE)
				break;
			a->doc->nodes[child].number = marker == M_VECTOR_DOUBLE ? rd_double(&a->r)
						      : marker == M_VECTOR_INT
							      ? (double)(int32_t)rd_u32(&a->r)
							      : (double)rd_u32(&a->r);
		}
		amf_node_add(a->doc, n, child, &last);
	}
	return n;
}

// Keys that are strings name their values; others are left out with theirs.
static uint16_t dictionary(struct amf_reader *a, unsigned depth)
{
	uint32_t head = u29(&a->r);
	uint16_t n, last = AMF_NONE;

	if (referred(a, head, &n))
		return n;
	n = amf_node_new(a, AMF_OBJECT);
	if (n == AMF_NONE)
		return n;
	remember_object(a, n);
	rd_u8(&a->r); // weak keys
	for (uint32_t i = 0; i < head >> 1 && !amf_failed(a); i++) {
		uint16_t key = amf3_value(a, depth + 1), child = amf3_value(a, depth + 1);

		if (amf_failed(a) || a->doc->nodes[key].type != AMF_STRING)
			continue;
		a->doc->nodes[child].name = a->doc->nodes[key].text;
		amf_node_add(a->doc, n, child, &last);
	}
	return n;
}

static uint16_t number(struct amf_reader *a, uint8_t type, double v)
{
	uint16_t n = amf_node_new(a, type);

	if (n != AMF_NONE)
		a->doc->nodes[n].number = v;
	return n;
}

static uint16_t string_value(struct amf_reader *a)
{
	struct span s = string(a);
	uint16_t n = amf_node_new(a, AMF_STRING);

	if (n != AMF_NONE)
		a->doc->nodes[n].text = s;
	return n;
}

static int32_t integer(struct rd *r)
{
	uint32_t v = u29(r);

	return v & 0x10000000 ? (int32_t)(v | 0xe0000000) : (int32_t)v; // 29 bits, signed
}

uint16_t amf3_value(struct amf_reader *a, unsigned depth)
{
	uint8_t marker = rd_u8(&a->r);

	if (depth >= AMF_DEPTH_MAX)
		amf_over_limit(a);
	if (amf_failed(a))
		return AMF_NONE;
	switch (marker) {
	case M_UNDEFINED:
		return amf_node_new(a, AMF_UNDEFINED);
	case M_NULL:
		return amf_node_new(a, AMF_NULL);
	case M_FALSE:
	case M_TRUE:
		return number(a, AMF_BOOLEAN, marker == M_TRUE);
	case M_INTEGER:
		return number(a, AMF_NUMBER, integer(&a->r));
	case M_DOUBLE:
		return number(a, AMF_NUMBER, rd_double(&a->r));
	case M_STRING:
		return string_value(a);
	case M_XML_DOC:
	case M_XML:
		return text_like(a, AMF_XML);
	case M_BYTE_ARRAY:
		return text_like(a, AMF_BYTES);
	case M_DATE:
		return date(a);
	case M_ARRAY:
		return array(a, depth);
	case M_OBJECT:
		return object(a, depth);
	case M_VECTOR_INT:
	case M_VECTOR_UINT:
	case M_VECTOR_DOUBLE:
	case M_VECTOR_OBJECT:
		return vector(a, marker, depth);
	case M_DICTIONARY:
		return dictionary(a, depth);
	default:
		rd_fail(&a->r);
		return AMF_NONE;
	}
}

int amf3_read(struct amf_doc *d, struct span data)
{
	struct amf3_tables tables = {.n_strings = 0};
	struct amf_reader a = {.doc = d, .r = rd_over(data.data, data.len), .amf3 = &tables};
	uint16_t last = AMF_NONE;

	d->n = 0;
	while (a.r.left > 0 && !amf_failed(&a))
		amf_node_add(d, AMF_NONE, amf3_value(&a, 0), &last);
	if (a.limit != 0)
		return a.limit;
	return a.r.err;
}
