// Writing AMF.
#include <math.h>
#include <string.h>

#include "control/rpc/amf.h"

static void wr_double(struct wr *w, double v)
{
	uint64_t bits;

	memcpy(&bits, &v, sizeof(bits));
	wr_u64(w, bits);
}

void amf0_wr_number(struct wr *w, double v)
{
	wr_u8(w, 0);
	wr_double(w, v);
}

void amf0_wr_boolean(struct wr *w, bool v)
{
	wr_u8(w, 1);
	wr_u8(w, v);
}

static void text16(struct wr *w, const void *data, size_t len)
{
	wr_u16(w, (uint16_t)len);
	wr_bytes(w, data, len);
}

static void string(struct wr *w, struct span s)
{
	if (s.len > UINT16_MAX) {
		wr_u8(w, 12);
		wr_u32(w, (uint32_t)s.len);
		wr_bytes(w, s.data, s.len);
		return;
	}
	wr_u8(w, 2);
	text16(w, s.data, s.len);
}

void amf0_wr_string(struct wr *w, const char *text)
{
	string(w, (struct span){(const uint8_t *)text, strlen(text)});
}

void amf0_wr_null(struct wr *w)
{
	wr_u8(w, 5);
}

void amf0_wr_object(struct wr *w)
{
	wr_u8(w, 3);
}

void amf0_wr_name(struct wr *w, const char *name)
{
	text16(w, name, strlen(name));
}

void amf0_wr_end(struct wr *w)
{
	wr_u16(w, 0);
	wr_u8(w, 9);
}

static bool has_names(const struct amf_doc *d, const struct amf_node *n)
{
	for (uint16_t at = n->child; at != AMF_NONE; at = d->nodes[at].next)
		if (d->nodes[at].name.len > 0)
			return true;
	return false;
}

static uint32_t count_children(const struct amf_doc *d, const struct amf_node *n, bool with_names)
{
	uint32_t count = 0;

	for (uint16_t at = n->child; at != AMF_NONE; at = d->nodes[at].next)
		count += (d->nodes[at].name.len > 0) == with_names;
	return count;
}

static void members0(struct wr *w, const struct amf_doc *d, const struct amf_node *n)
{
	for (uint16_t at = n->child; at != AMF_NONE; at = d->nodes[at].next) {
		text16(w, d->nodes[at].name.data, d->nodes[at].name.len);
		amf0_wr_node(w, d, &d->nodes[at]);
	}
	amf0_wr_end(w);
}

static void array0(struct wr *w, const struct amf_doc *d, const struct amf_node *n)
{
	if (has_names(d, n)) {
		wr_u8(w, 8);
		wr_u32(w, count_children(d, n, true));
		members0(w, d, n);
		return;
	}
	wr_u8(w, 10);
	wr_u32(w, count_children(d, n, false));
	for (uint16_t at = n->child; at != AMF_NONE; at = d->nodes[at].next)
		amf0_wr_node(w, d, &d->nodes[at]);
}

void amf0_wr_node(struct wr *w, const struct amf_doc *d, const struct amf_node *n)
{
	switch (n->type) {
	case AMF_NUMBER:
		amf0_wr_number(w, n->number);
		break;
	case AMF_BOOLEAN:
		amf0_wr_boolean(w, n->number != 0);
		break;
	case AMF_STRING:
	case AMF_BYTES:
		string(w, n->text);
		break;
	case AMF_XML:
		wr_u8(w, 15);
		wr_u32(w, (uint32_t)n->text.len);
		wr_bytes(w, n->text.data, n->text.len);
		break;
	case AMF_OBJECT:
		wr_u8(w, n->text.len > 0 ? 16 : 3);
		if (n->text.len > 0)
			text16(w, n->text.data, n->text.len);
		members0(w, d, n);
		break;
	case AMF_ARRAY:
		array0(w, d, n);
		break;
	case AMF_DATE:
		wr_u8(w, 11);
		wr_double(w, n->number);
		wr_u16(w, 0);
		break;
	case AMF_NULL:
	case AMF_REFERENCE: // written whole where it first stood; again it says nothing
		amf0_wr_null(w);
		break;
	default:
		wr_u8(w, 6);
		break;
	}
}

static void u29(struct wr *w, uint32_t v)
{
	if (v >= 1u << 21) {
		wr_u8(w, (uint8_t)(v >> 22 | 0x80));
		wr_u8(w, (uint8_t)(v >> 15 | 0x80));
		wr_u8(w, (uint8_t)(v >> 8 | 0x80));
		wr_u8(w, (uint8_t)v);
		return;
	}
	if (v >= 1u << 14)
		wr_u8(w, (uint8_t)(v >> 14 | 0x80));
	if (v >= 1u << 7)
		wr_u8(w, (uint8_t)(v >> 7 | 0x80));
	wr_u8(w, v & 0x7f);
}

static void text3(struct wr *w, struct span s)
{
	u29(w, (uint32_t)s.len << 1 | 1);
	wr_bytes(w, s.data, s.len);
}

static void named3(struct wr *w, const struct amf_doc *d, const struct amf_node *n)
{
	for (uint16_t at = n->child; at != AMF_NONE; at = d->nodes[at].next) {
		if (d->nodes[at].name.len == 0)
			continue;
		text3(w, d->nodes[at].name);
		amf3_wr_node(w, d, &d->nodes[at]);
	}
	u29(w, 1); // the empty name
}

static void number3(struct wr *w, double v)
{
	if (v == floor(v) && v >= -268435456.0 && v <= 268435455.0 && !(v == 0 && signbit(v))) {
		wr_u8(w, 4);
		u29(w, (uint32_t)(int32_t)v & 0x1fffffff);
		return;
	}
	wr_u8(w, 5);
	wr_double(w, v);
}

static void array3(struct wr *w, const struct amf_doc *d, const struct amf_node *n)
{
	wr_u8(w, 9);
	u29(w, count_children(d, n, false) << 1 | 1);
	named3(w, d, n);
	for (uint16_t at = n->child; at != AMF_NONE; at = d->nodes[at].next)
		if (d->nodes[at].name.len == 0)
			amf3_wr_node(w, d, &d->nodes[at]);
}

void amf3_wr_node(struct wr *w, const struct amf_doc *d, const struct amf_node *n)
{
	switch (n->type) {
	case AMF_NUMBER:
		number3(w, n->number);
		break;
	case AMF_BOOLEAN:
		wr_u8(w, n->number != 0 ? 3 : 2);
		break;
	case AMF_STRING:
		wr_u8(w, 6);
		text3(w, n->text);
		break;
	case AMF_XML:
		wr_u8(w, 11);
		text3(w, n->text);
		break;
	case AMF_BYTES:
		wr_u8(w, 12);
		text3(w, n->text);
		break;
	case AMF_OBJECT:
		wr_u8(w, 10);
		u29(w, 0x0b); // traits here, dynamic, none sealed
		text3(w, n->text);
		named3(w, d, n);
		break;
	case AMF_ARRAY:
		array3(w, d, n);
		break;
	case AMF_DATE:
		wr_u8(w, 8);
		u29(w, 1);
		wr_double(w, n->number);
		break;
	case AMF_NULL:
	case AMF_REFERENCE:
		wr_u8(w, 1);
		break;
	default:
		wr_u8(w, 0);
		break;
	}
}
