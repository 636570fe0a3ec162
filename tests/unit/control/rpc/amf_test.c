// AMF documents: what is read, what is refused, and that writing gives the same again.
#include "tests/support/test.h"

#include <errno.h>
#include <math.h>

#include "control/rpc/amf.h"

#define OCTETS(s)                                                                                  \
	(struct span)                                                                              \
	{                                                                                          \
		(const uint8_t *)(s), sizeof(s) - 1                                                \
	}

static struct amf_doc doc;

static const struct {
	const char *claim;
	struct span octets;
	uint8_t type;
	double number;
	const char *text;
} amf0_values[] = {
	{"number", OCTETS("\x00\x40\x09\x00\x00\x00\x00\x00\x00"), AMF_NUMBER, 3.125, ""},
	{"true", OCTETS("\x01\x01"), AMF_BOOLEAN, 1, ""},
	{"any octet but 0 is true", OCTETS("\x01\x07"), AMF_BOOLEAN, 1, ""},
	{"string", OCTETS("\x02\x00\x03xyz"), AMF_STRING, 0, "xyz"},
	{"empty string", OCTETS("\x02\x00\x00"), AMF_STRING, 0, ""},
	{"long string", OCTETS("\x0c\x00\x00\x00\x02hi"), AMF_STRING, 0, "hi"},
	{"null", OCTETS("\x05"), AMF_NULL, 0, ""},
	{"undefined", OCTETS("\x06"), AMF_UNDEFINED, 0, ""},
	{"unsupported is undefined", OCTETS("\x0d"), AMF_UNDEFINED, 0, ""},
	{"date", OCTETS("\x0b\x40\x09\x00\x00\x00\x00\x00\x00\xff\xc4"), AMF_DATE, 3.125, ""},
	{"XML", OCTETS("\x0f\x00\x00\x00\x04<a/>"), AMF_XML, 0, "<a/>"},
	{"an AMF3 integer inside", OCTETS("\x11\x04\x81\x00"), AMF_NUMBER, 128, ""},
};

static const struct {
	const char *claim;
	struct span octets;
	uint8_t type;
	double number;
	const char *text;
} amf3_values[] = {
	{"undefined", OCTETS("\x00"), AMF_UNDEFINED, 0, ""},
	{"null", OCTETS("\x01"), AMF_NULL, 0, ""},
	{"false", OCTETS("\x02"), AMF_BOOLEAN, 0, ""},
	{"true", OCTETS("\x03"), AMF_BOOLEAN, 1, ""},
	{"one octet", OCTETS("\x04\x7f"), AMF_NUMBER, 127, ""},
	{"four octets carry 29 bits", OCTETS("\x04\xbf\xff\xff\xff"), AMF_NUMBER, 268435455, ""},
	{"the 29th bit is the sign", OCTETS("\x04\xff\xff\xff\xff"), AMF_NUMBER, -1, ""},
	{"double", OCTETS("\x05\x40\x09\x00\x00\x00\x00\x00\x00"), AMF_NUMBER, 3.125, ""},
	{"string", OCTETS("\x06\x07xyz"), AMF_STRING, 0, "xyz"},
	{"date", OCTETS("\x08\x01\x40\x09\x00\x00\x00\x00\x00\x00"), AMF_DATE, 3.125, ""},
	{"XML", OCTETS("\x0b\x09<a/>"), AMF_XML, 0, "<a/>"},
	{"byte array", OCTETS("\x0c\x05\x01\x02"), AMF_BYTES, 0, "\x01\x02"},
};

static void check(const char *claim, int err, uint8_t type, double number, const char *text)
{
	const struct amf_node *n = amf_at(&doc, 0);

	assert_row(err == 0 && n != NULL && n->type == type && n->number == number, claim);
	assert_row(n->text.len == strlen(text), claim);
	assert_row(n->text.len == 0 || memcmp(n->text.data, text, n->text.len) == 0, claim);
	assert_row(amf_at(&doc, 1) == NULL, claim);
}

static void amf0_values_are_read(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(amf0_values); i++)
		check(amf0_values[i].claim, amf0_read(&doc, amf0_values[i].octets),
		      amf0_values[i].type, amf0_values[i].number, amf0_values[i].text);
}

static void amf3_values_are_read(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(amf3_values); i++)
		check(amf3_values[i].claim, amf3_read(&doc, amf3_values[i].octets),
		      amf3_values[i].type, amf3_values[i].number, amf3_values[i].text);
}

static void a_value_cut_anywhere_is_refused(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(amf0_values); i++)
		for (size_t len = 1; len < amf0_values[i].octets.len; len++)
			assert_row(amf0_read(&doc, (struct span){amf0_values[i].octets.data,
								 len}) == -EBADMSG,
				   amf0_values[i].claim);
	for (size_t i = 0; i < ARRAY_LEN(amf3_values); i++)
		for (size_t len = 1; len < amf3_values[i].octets.len; len++)
			assert_row(amf3_read(&doc, (struct span){amf3_values[i].octets.data,
								 len}) == -EBADMSG,
				   amf3_values[i].claim);
}

static void objects_have_members_by_name(void **state)
{
	static const char o[] = "\x03\x00\x03"
				"app\x02\x00\x04live\x00\x02id\x00\x3f\xf0\x00\x00\x00\x00\x00\x00"
				"\x00\x00\x09";
	const struct amf_node *n;

	assert_int_equal(amf0_read(&doc, OCTETS(o)), 0);
	n = amf_at(&doc, 0);
	assert_true(amf_is_text(amf_get(&doc, n, "app"), "live"));
	assert_true(amf_get(&doc, n, "id")->number == 1);
	assert_null(amf_get(&doc, n, "ap"));
	assert_null(amf_get(&doc, n, ""));
	assert_null(amf_get(&doc, amf_get(&doc, n, "app"), "x"));
	assert_null(amf_get(&doc, NULL, "x"));
}

static void references_point_back(void **state)
{
	// AMF0: an object, then a reference to it. AMF3: a string and an object, each named again.
	static const char zero[] = "\x03\x00\x01x\x05\x00\x00\x09\x07\x00\x00";
	static const char three[] =
		"\x09\x09\x01\x06\x03z\x06\x00\x0a\x0b\x01\x03k\x03\x01\x0a\x02";
	const struct amf_node *n;

	assert_int_equal(amf0_read(&doc, OCTETS(zero)), 0);
	assert_int_equal(amf_at(&doc, 1)->type, AMF_REFERENCE);
	assert_int_equal(amf_get(&doc, amf_at(&doc, 1), "x")->type, AMF_NULL);
	assert_int_equal(amf3_read(&doc, OCTETS(three)), 0);
	n = &doc.nodes[amf_at(&doc, 0)->child];
	assert_true(amf_is_text(n, "z"));
	n = &doc.nodes[n->next];
	assert_true(amf_is_text(n, "z"));
	n = &doc.nodes[doc.nodes[n->next].next];
	assert_int_equal(n->type, AMF_REFERENCE);
	assert_int_equal(amf_get(&doc, n, "k")->type, AMF_BOOLEAN);
}

static void references_to_nothing_are_refused(void **state)
{
	assert_int_equal(amf0_read(&doc, OCTETS("\x07\x00\x00")), -EBADMSG);
	assert_int_equal(amf3_read(&doc, OCTETS("\x06\x00")), -EBADMSG);
	assert_int_equal(amf3_read(&doc, OCTETS("\x0a\x00")), -EBADMSG);
	assert_int_equal(amf3_read(&doc, OCTETS("\x0a\x01")), -EBADMSG); // traits number 0
}

static void depth_is_bounded(void **state)
{
	uint8_t deep[8 * (AMF_DEPTH_MAX + 2)];
	struct wr w = wr_over(deep, sizeof(deep));

	for (int i = 0; i < AMF_DEPTH_MAX + 1; i++) {
		wr_u8(&w, 10); // an array of one array of one array ...
		wr_u32(&w, 1);
	}
	wr_u8(&w, 5);
	assert_int_equal(amf0_read(&doc, wr_span(&w)), -E2BIG);
}

static void the_number_of_values_is_bounded(void **state)
{
	uint8_t many[AMF_NODES_MAX + 1];

	memset(many, 5, sizeof(many));
	assert_int_equal(amf0_read(&doc, (struct span){many, AMF_NODES_MAX}), 0);
	assert_int_equal(amf0_read(&doc, (struct span){many, AMF_NODES_MAX + 1}), -E2BIG);
	memset(many, 1, sizeof(many));
	assert_int_equal(amf3_read(&doc, (struct span){many, AMF_NODES_MAX + 1}), -E2BIG);
}

static void a_huge_count_costs_no_more_than_what_is_there(void **state)
{
	assert_int_equal(amf0_read(&doc, OCTETS("\x0a\xff\xff\xff\xff\x05")), -EBADMSG);
	assert_int_equal(amf3_read(&doc, OCTETS("\x09\xff\xff\xff\xff\x01\x01")), -EBADMSG);
	assert_int_equal(amf3_read(&doc, OCTETS("\x0d\xff\xff\xff\xff\x00")), -EBADMSG);
}

// A tree of everything both encodings can say.
static struct span sample(uint8_t *buf, size_t cap)
{
	struct wr w = wr_over(buf, cap);

	amf0_wr_object(&w);
	amf0_wr_name(&w, "n");
	amf0_wr_number(&w, -2.5);
	amf0_wr_name(&w, "i");
	amf0_wr_number(&w, -77);
	amf0_wr_name(&w, "b");
	amf0_wr_boolean(&w, true);
	amf0_wr_name(&w, "s");
	amf0_wr_string(&w, "text");
	amf0_wr_name(&w, "o");
	amf0_wr_object(&w);
	amf0_wr_name(&w, "z");
	amf0_wr_null(&w);
	amf0_wr_end(&w);
	amf0_wr_end(&w);
	wr_u8(&w, 10); // an array of two
	wr_u32(&w, 2);
	amf0_wr_number(&w, 1e300);
	amf0_wr_string(&w, "");
	assert_int_equal(wr_err(&w), 0);
	return wr_span(&w);
}

static void amf0_written_is_amf0_read(void **state)
{
	uint8_t first[256], again[256];
	struct span s = sample(first, sizeof(first));
	struct wr w = wr_over(again, sizeof(again));

	assert_int_equal(amf0_read(&doc, s), 0);
	for (uint32_t i = 0; amf_at(&doc, i) != NULL; i++)
		amf0_wr_node(&w, &doc, amf_at(&doc, i));
	assert_int_equal(wr_span(&w).len, s.len);
	assert_memory_equal(again, first, s.len);
}

static void amf3_written_says_the_same(void **state)
{
	uint8_t zero[256], three[256], again[256];
	struct span s = sample(zero, sizeof(zero));
	struct wr w = wr_over(three, sizeof(three)), w0 = wr_over(again, sizeof(again));

	assert_int_equal(amf0_read(&doc, s), 0);
	for (uint32_t i = 0; amf_at(&doc, i) != NULL; i++)
		amf3_wr_node(&w, &doc, amf_at(&doc, i));
	assert_int_equal(amf3_read(&doc, wr_span(&w)), 0);
	for (uint32_t i = 0; amf_at(&doc, i) != NULL; i++)
		amf0_wr_node(&w0, &doc, amf_at(&doc, i));
	assert_int_equal(wr_span(&w0).len, s.len);
	assert_memory_equal(again, zero, s.len);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(amf0_values_are_read),
		cmocka_unit_test(amf3_values_are_read),
		cmocka_unit_test(a_value_cut_anywhere_is_refused),
		cmocka_unit_test(objects_have_members_by_name),
		cmocka_unit_test(references_point_back),
		cmocka_unit_test(references_to_nothing_are_refused),
		cmocka_unit_test(depth_is_bounded),
		cmocka_unit_test(the_number_of_values_is_bounded),
		cmocka_unit_test(a_huge_count_costs_no_more_than_what_is_there),
		cmocka_unit_test(amf0_written_is_amf0_read),
		cmocka_unit_test(amf3_written_says_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
