// A reply as Prometheus reads it, and what is none.
#include "control/admin/metrics.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/test.h"

#define RESULT(text) "{\"ok\":true,\"result\":" text "}"
#define FAMILY(name, type, labels, samples)                                                        \
	"{\"name\":\"" name "\",\"type\":\"" type                                                  \
	"\",\"help\":\"What it is.\",\"label_names\":[" labels "],\"samples\":[" samples "]}"
#define SAMPLE(labels, value) "{\"labels\":[" labels "],\"value\":" value "}"

static char *printed(const char *reply, int *err)
{
	char *text;
	size_t len;
	FILE *out = open_memstream(&text, &len), *errors = fopen("/dev/null", "w");

	assert_non_null(out);
	assert_non_null(errors);
	*err = metrics_print_reply(out, errors, reply, strlen(reply));
	fclose(out);
	fclose(errors);
	return text;
}

static void what_prometheus_reads(void **state)
{
	static const struct {
		const char *claim, *reply, *text;
	} rows[] = {
		{"nothing", RESULT("[]"), ""},
		{"a gauge without labels",
		 RESULT("[" FAMILY("up", "gauge", "", SAMPLE("", "1")) "]"),
		 "# HELP up What it is.\n# TYPE up gauge\nup 1\n"},
		{"a counter of two streams, and one of nobody",
		 RESULT("[" FAMILY("a_total", "counter", "\"group\",\"stream\"",
				   SAMPLE("\"news\",\"film\"", "18446744073709551615") "," SAMPLE(
					   "\"news\",\"7\"", "0")) "," FAMILY("b_total", "counter",
									      "\"group\"", "") "]"),
		 "# HELP a_total What it is.\n# TYPE a_total counter\n"
		 "a_total{group=\"news\",stream=\"film\"} 18446744073709551615\n"
		 "a_total{group=\"news\",stream=\"7\"} 0\n"
		 "# HELP b_total What it is.\n# TYPE b_total counter\n"},
		{"a stranger's name",
		 RESULT("[" FAMILY("a", "gauge", "\"s\"",
				   SAMPLE("\"x\\\"} 1\\nevil 2\\\\\"", "3")) "]"),
		 "# HELP a What it is.\n# TYPE a gauge\na{s=\"x\\\"} 1\\nevil 2\\\\\"} 3\n"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		int err;
		char *text = printed(rows[i].reply, &err);

		assert_row(err == 0, rows[i].claim);
		if (strcmp(text, rows[i].text) != 0)
			fail_msg("%s:\n%s", rows[i].claim, text);
		free(text);
	}
}

static void what_is_no_list_of_metrics_prints_nothing(void **state)
{
	static const struct {
		const char *claim, *reply;
		int err;
	} rows[] = {
		{"no JSON", "metrics", -EPROTO},
		{"refused", "{\"ok\":false,\"error\":\"no\"}", -EREMOTEIO},
		{"no list", RESULT("{}"), -EPROTO},
		{"a name that is none", RESULT("[" FAMILY("a b", "gauge", "", "") "]"), -EPROTO},
		{"a name that begins with a digit", RESULT("[" FAMILY("1a", "gauge", "", "") "]"),
		 -EPROTO},
		{"a label that is none", RESULT("[" FAMILY("a", "gauge", "\"a=\"", "") "]"),
		 -EPROTO},
		{"another type", RESULT("[" FAMILY("a", "histogram", "", "") "]"), -EPROTO},
		{"a value that is no number",
		 RESULT("[" FAMILY("a", "gauge", "", SAMPLE("", "\"1 2\"")) "]"), -EPROTO},
		{"a label too few",
		 RESULT("[" FAMILY("a", "gauge", "\"x\",\"y\"", SAMPLE("\"1\"", "1")) "]"),
		 -EPROTO},
		{"one too many, behind a good one",
		 RESULT("[" FAMILY("b", "gauge", "", SAMPLE("", "1")) "," FAMILY(
			 "a", "gauge", "", SAMPLE("\"1\"", "1")) "]"),
		 -EPROTO},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		int err;
		char *text = printed(rows[i].reply, &err);

		assert_row(err == rows[i].err, rows[i].claim);
		assert_row(text[0] == '\0', rows[i].claim);
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_prometheus_reads),
		cmocka_unit_test(what_is_no_list_of_metrics_prints_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
