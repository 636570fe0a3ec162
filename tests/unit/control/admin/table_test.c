#include "tests/unit/control/admin/admin_test.h"

#include "control/admin/table.h"

struct printed {
	char *out, *errors;
	int err;
};

typedef int (*print_fn)(FILE *, FILE *, const char *, size_t);

static struct printed print(print_fn fn, const char *reply)
{
	size_t out_len, errors_len;
	struct printed p = {0};
	FILE *out = open_memstream(&p.out, &out_len),
	     *errors = open_memstream(&p.errors, &errors_len);

	p.err = fn(out, errors, reply, strlen(reply));
	fclose(out);
	fclose(errors);
	return p;
}

static void expect(print_fn fn, const char *reply, int err, const char *out, const char *errors)
{
	struct printed p = print(fn, reply);

	assert_string_equal(p.out, out);
	assert_string_equal(p.errors, errors);
	assert_int_equal(p.err, err);
	free(p.out);
	free(p.errors);
}

static void expect_table(const char *result, const char *out)
{
	char reply[2048];

	snprintf(reply, sizeof(reply), "{\"ok\":true,\"result\":%s}", result);
	expect(table_print_reply, reply, 0, out, "");
}

static void an_object_is_names_and_values(void **state)
{
	expect_table(
		"{\"state\":\"running\",\"uptime_us\":90000000,\"peer_id\":\"00ff\",\"dpdk\":true,"
		"\"note\":null}",
		"state    running\n"
		"uptime   1.50 min\n"
		"peer id  00ff\n"
		"dpdk     yes\n"
		"note     -\n");
}

static void units_follow_the_names(void **state)
{
	expect_table("{\"rtt_us\":1500,\"sent_bytes\":3355443,\"rate_bits\":2000000,"
		     "\"lost_permille\":12,\"n\":12345,\"text_us\":\"5\",\"neg_us\":-5}",
		     "rtt   1.50 ms\n"
		     "sent  3.20 MiB\n"
		     "rate  2.00 Mbit/s\n"
		     "lost  1.2 %\n"
		     "n     12345\n"
		     "text  5\n" // a text is no number, whatever it is called
		     "neg   -5\n");
}

static void a_list_of_objects_is_a_table(void **state)
{
	expect_table("[{\"name\":\"p\xc3\xa9\",\"rtt_us\":950,\"state\":\"open\"},"
		     "{\"name\":\"longer\",\"rtt_us\":12000,\"late\":3},"
		     "{\"name\":\"x\",\"rtt_us\":null,\"state\":\"closing\"}]",
		     "NAME        RTT  STATE    LATE\n"
		     "p\xc3\xa9       950 us  open        -\n"
		     "longer  12.0 ms  -           3\n"
		     "x             -  closing     -\n");
}

static void what_is_inside_follows_under_its_name(void **state)
{
	expect_table(
		"{\"drops\":[{\"reason\":\"auth\",\"n\":5}],\"total\":5,\"apps\":[\"a\",\"b\"],"
		"\"none\":[],\"more\":{\"x\":1}}",
		"total  5\n"
		"\n"
		"drops:\n"
		"REASON  N\n"
		"auth    5\n"
		"\n"
		"apps:\n"
		"a\n"
		"b\n"
		"\n"
		"none:\n"
		"(none)\n"
		"\n"
		"more:\n"
		"x  1\n");
	expect_table("[]", "(none)\n");
	expect_table("\"text\"", "text\n");
	expect_table("7", "7\n");
}

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void ids_are_short_in_tables_and_whole_elsewhere(void **state)
{
	expect_table("[{\"peer\":\"" ID "\",\"members\":[1,2]}]",
		     "PEER          MEMBERS\n0123456789ab  (2)\n");
	expect_table("{\"peer\":\"" ID "\"}", "peer  " ID "\n");
}

static void a_terminal_is_not_given_orders(void **state)
{
	expect_table("{\"name\":\"a\\u001b[2J\\nb\\u009bc\",\"\\u0007k\":1}",
		     "name  a?[2J?b?c\n?k    1\n");
}

static void a_refusal_is_told_as_an_error(void **state)
{
	static const char reply[] = "{\"ok\":false,\"error\":\"no such\\u001b group\"}";

	expect(table_print_reply, reply, -EREMOTEIO, "", "no such? group\n");
	expect(table_print_json, reply, -EREMOTEIO, "", "no such? group\n");
}

static void json_goes_out_as_it_came(void **state)
{
	static const char result[] = "{\"a\":[1,\"\\u001b\"],\"id\":\"" ID "\"}";
	char reply[256], out[256];

	snprintf(reply, sizeof(reply), "{\"ok\":true,\"result\":%s}", result);
	snprintf(out, sizeof(out), "%s\n", result);
	expect(table_print_json, reply, 0, out, "");
}

static void anything_else_is_no_reply(void **state)
{
	static const char *const bad[] = {
		"",
		"{",
		"[]",
		"hello",
		"{\"ok\":true}",
		"{\"ok\":false}",
		"{\"ok\":false,\"error\":[]}",
		"{\"ok\":\"maybe\",\"result\":1}",
		"{\"ok\":true,\"result\":",
		"{\"ok\":true,\"result\":1}}",
		"{\"ok\":true,\"result\":[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]}",
	};

	for (size_t i = 0; i < N(bad); i++) {
		expect(table_print_reply, bad[i], -EPROTO, "", "");
		expect(table_print_json, bad[i], -EPROTO, "", "");
	}
}

static void a_full_disk_is_told(void **state)
{
	static const char reply[] = "{\"ok\":true,\"result\":1}";
	FILE *full = fopen("/dev/full", "w");

	assert_non_null(full);
	assert_int_equal(table_print_reply(full, stderr, reply, strlen(reply)), -EIO);
	fclose(full);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_object_is_names_and_values),
		cmocka_unit_test(units_follow_the_names),
		cmocka_unit_test(a_list_of_objects_is_a_table),
		cmocka_unit_test(what_is_inside_follows_under_its_name),
		cmocka_unit_test(ids_are_short_in_tables_and_whole_elsewhere),
		cmocka_unit_test(a_terminal_is_not_given_orders),
		cmocka_unit_test(a_refusal_is_told_as_an_error),
		cmocka_unit_test(json_goes_out_as_it_came),
		cmocka_unit_test(anything_else_is_no_reply),
		cmocka_unit_test(a_full_disk_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
