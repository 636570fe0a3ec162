// The ring as annulusctl draws it: who stands where, and what a reply that is none draws.
#include "control/admin/ring_draw.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/test.h"

#define ZEROS         "000000000000000000000000000000000000000000000000000000000000"
#define PLACE(digits) "\"" digits ZEROS "\""
#define MEMBER(digits, more)                                                                       \
	"{\"address\":" PLACE(digits) ",\"peer_id\":" PLACE("beef") ",\"rtt_us\":12345," more "}"
#define RESULT(text) "{\"ok\":true,\"result\":" text "}"
// We stand at the bottom and cover the quarter around it.
#define RING                                                                                                                                                     \
	RESULT(                                                                                                                                                  \
		"{\"name\":\"<b>&\\u001b\",\"address\":" PLACE("8000") ",\"peer_id\":" PLACE(                                                                    \
			"cafe") ","                                                                                                                              \
				"\"neighbours\":3,\"members_known\":4,\"members_estimated\":5,"                                                                  \
				"\"coverage\":{\"from\":" PLACE("6000") ",\"to\":" PLACE(                                                                        \
					"a000") ",\"is_whole\":true},"                                                                                           \
						"\"members\":[" MEMBER("0000", "\"is_neighbour\":"                                                               \
									       "true") "," MEMBER("4000", "\"is_neighbour\":true,\"is_super\":true") "," MEMBER( \
							"c000",                                                                                                  \
							"\"is_neighbour\":true,\"is_suspect\":"                                                                  \
							"true") "," MEMBER("e000",                                                                               \
									   "\"is_neighbour\":"                                                                   \
									   "false") ","                                                                          \
										    "{\"address\""                                                               \
										    ":\"short\"}]"                                                               \
										    "}")

typedef int drawer(FILE *, FILE *, const char *, size_t);

static char *drawn(drawer *draw, const char *reply, int *err)
{
	char *text;
	size_t len;
	FILE *out = open_memstream(&text, &len), *errors = fopen("/dev/null", "w");

	assert_non_null(out);
	assert_non_null(errors);
	*err = draw(out, errors, reply, strlen(reply));
	fclose(out);
	fclose(errors);
	return text;
}

// The n-th line's column; ' ' beyond its end.
static char at(const char *text, int line, int column)
{
	while (line-- > 0)
		text = strchr(text, '\n') + 1;
	return (int)strcspn(text, "\n") > column ? text[column] : ' ';
}

static void everybody_stands_where_his_address_is(void **state)
{
	enum { TOP = 2, MIDDLE = TOP + 15, BOTTOM = TOP + 30, CENTRE = 32, RIGHT = 64 };
	int err;
	char *text = drawn(ring_print_reply, RING, &err);

	assert_int_equal(err, 0);
	assert_int_equal(at(text, TOP, CENTRE), '#');
	assert_int_equal(at(text, MIDDLE, RIGHT), 'S');
	assert_int_equal(at(text, BOTTOM, CENTRE), '@');
	assert_int_equal(at(text, MIDDLE, 0), '?');
	assert_int_equal(at(text, MIDDLE, CENTRE), ' ');
	assert_int_equal(at(text, BOTTOM, CENTRE + 5), '='); // ours
	assert_int_equal(at(text, BOTTOM, CENTRE - 5), '=');
	assert_int_equal(at(text, TOP, CENTRE + 5), '.'); // others'
	assert_memory_equal(text,
			    "<b>&?: @ 800000000000, linked to 3 of 4 known, 5 estimated; we cover "
			    "25.00 % (=)\n",
			    80);
	assert_non_null(strstr(text, "\n25.00 %  400000000000  beef00000000  super-peer  12.3\n"));
	assert_null(strstr(text, "e00000000000")); // who is no neighbour is not listed
	free(text);
}

static void the_drawing_has_links_coverage_and_names(void **state)
{
	int err;
	char *svg = drawn(ring_svg_reply, RING, &err);

	assert_int_equal(err, 0);
	assert_memory_equal(svg, "<svg ", 5);
	assert_string_equal(svg + strlen(svg) - 7, "</svg>\n");
	// From us at the bottom to the one at the top, and to two more.
	assert_non_null(
		strstr(svg, "<line x1=\"400.00\" y1=\"740.00\" x2=\"400.00\" y2=\"60.00\""));
	assert_null(strstr(strstr(strstr(strstr(svg, "<line") + 1, "<line") + 1, "<line") + 1,
			   "<line"));
	// The quarter around the bottom, clockwise, the short way.
	assert_non_null(strstr(svg, "<path class=\"ours\" d=\"M640.42 640.42A340 340 0 0 1 159.58 "
				    "640.42\"/>"));
	assert_non_null(strstr(svg, ">&#60;b&#62;&#38;?</text>"));
	assert_null(strstr(svg, "<b>"));
	free(svg);
}

static void coverage_may_be_all_or_nothing(void **state)
{
	static const struct {
		const char *claim, *reply, *has;
		bool is_there;
	} rows[] = {
		{"all of it",
		 RESULT("{\"coverage\":{\"from\":" PLACE("8001") ",\"to\":" PLACE("8000") "}}"),
		 "<circle class=\"ours\"", true},
		{"more than half, over 0",
		 RESULT("{\"coverage\":{\"from\":" PLACE("8000") ",\"to\":" PLACE("4000") "}}"),
		 "A340 340 0 1 1 740.00 400.00", true},
		{"an EXACT member's",
		 RESULT("{\"coverage\":{\"from\":" PLACE("8000") ",\"to\":" PLACE("8000") "}}"),
		 "class=\"ours\"", false},
		{"no routing", RESULT("{\"coverage\":null}"), "class=\"ours\"", false},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		int err;
		char *svg = drawn(ring_svg_reply, rows[i].reply, &err);

		assert_row(err == 0 && (strstr(svg, rows[i].has) != NULL) == rows[i].is_there,
			   rows[i].claim);
		free(svg);
	}
}

static void what_is_no_ring_is_not_drawn(void **state)
{
	static const struct {
		const char *reply;
		int err;
	} rows[] = {
		{"", -EPROTO},
		{"{", -EPROTO},
		{"{\"ok\":true}", -EPROTO},
		{RESULT("[]"), -EPROTO},
		{RESULT("7"), -EPROTO},
		{"{\"ok\":false,\"error\":\"no\"}", -EREMOTEIO},
		{RESULT("{}"), 0},
		{RESULT("{\"members\":7,\"address\":[],\"coverage\":[7]}"), 0},
		{RESULT("{\"members\":[7,[],{}],\"name\":[],\"neighbours\":{}}"), 0},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		for (int is_svg = 0; is_svg < 2; is_svg++) {
			int err;
			char *text = drawn(is_svg ? ring_svg_reply : ring_print_reply,
					   rows[i].reply, &err);

			assert_row(err == rows[i].err, rows[i].reply);
			assert_row(err == 0 || text[0] == 0, rows[i].reply);
			free(text);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everybody_stands_where_his_address_is),
		cmocka_unit_test(the_drawing_has_links_coverage_and_names),
		cmocka_unit_test(coverage_may_be_all_or_nothing),
		cmocka_unit_test(what_is_no_ring_is_not_drawn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
