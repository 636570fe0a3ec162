// The command line of annulus-peer: what is understood, and that everything else is refused.
#include "tests/support/test.h"

#include <getopt.h>

#include "control/bin/peer/args.h"

#define GROUP "--server", "h", "--group", "G:00", "--name", "n"

static struct peer_args a;

// Words up to NULL, as if typed after the program's name.
static int parse(const char *const *words)
{
	char *argv[40] = {(char *)"annulus-peer"};
	int argc = 1;

	while (words[argc - 1] != NULL) {
		argv[argc] = (char *)words[argc - 1];
		argc++;
	}
	optind = 0; // getopt starts anew
	return peer_args_parse(&a, argc, argv);
}

#define PARSE(...) parse((const char *const[]){__VA_ARGS__, NULL})

static void a_play_line_is_understood(void **state)
{
	assert_int_equal(PARSE("play", GROUP, "--bind", "10.0.0.1:5000", "--wait", "7", "out.flv"),
			 0);
	assert_int_equal(a.command, PEER_CMD_PLAY);
	assert_int_equal(a.n_servers, 1);
	assert_string_equal(a.group, "G:00");
	assert_string_equal(a.file, "out.flv");
	assert_int_equal(a.bind.port, 5000);
	assert_int_equal(a.wait_s, 7);
}

static void without_a_group_it_is_the_servers_stream(void **state)
{
	assert_int_equal(PARSE("play", "--server", "h/app", "--name", "n", "out.flv"), 0);
	assert_null(a.group);
	assert_int_equal(PARSE("publish", "--server", "h/app", "--name", "n", "in.flv"), 0);
	assert_null(a.group);
}

static void servers_repeat(void **state)
{
	assert_int_equal(PARSE("play", GROUP, "--server", "two:2000/app", "-"), 0);
	assert_int_equal(a.n_servers, 2);
	assert_string_equal(a.servers[1], "two:2000/app");
	assert_string_equal(a.file, "-");
}

static void an_address_needs_no_port(void **state)
{
	assert_int_equal(PARSE("play", GROUP, "--bind", "10.0.0.1", "x"), 0);
	assert_int_equal(a.bind.port, 0);
	assert_int_equal(PARSE("play", GROUP, "--bind", "2001:db8::1", "x"), 0);
	assert_int_equal(a.bind.family, 6);
}

static void help_is_no_mistake(void **state)
{
	assert_int_equal(PARSE("--help"), 0);
	assert_true(a.wants_help);
	assert_int_equal(PARSE("publish", "--help"), 0);
	assert_true(a.wants_help);
}

static void an_uplink_is_a_rate(void **state)
{
	assert_int_equal(PARSE("play", GROUP, "x"), 0);
	assert_int_equal(a.uplink_bits, 0);
	assert_int_equal(PARSE("play", GROUP, "--uplink", "2.5Mbit/s", "x"), 0);
	assert_int_equal(a.uplink_bits, 2500000);
	assert_int_equal(PARSE("swarm", "--server", "h", "--group", "G:00", "--play", "n", "--members",
			       "3", "--uplink", "64kbit/s"),
			 0);
	assert_int_equal(PARSE("share", "--server", "h", "--group", "G:00", "--uplink", "1Gbit/s", "x"),
			 0);
	assert_int_equal(PARSE("post", "--server", "h", "--group", "G:00", "--uplink", "1Gbit/s", "x"),
			 0);
}

#define PEER_ID "0123456789abcdef0123456789abcdef0123456789ABCDEF0123456789ABCDEF"

static void direct_streams_need_no_group(void **state)
{
	assert_int_equal(PARSE("publish", "--server", "h", "--direct", "--name", "n", "--drop-late",
			       "audio,data", "--peers-max", "3", "x"),
			 0);
	assert_true(a.is_direct);
	assert_int_equal(a.peers_max, 3);
	assert_true(a.drops_audio && a.drops_data && !a.drops_video);
	assert_int_equal(PARSE("play", "--server", "h", "--peer", PEER_ID, "--name", "n", "x"), 0);
	assert_int_equal(a.peer[1], 0x23);
	assert_int_equal(a.peers_max, 8); // netgroup-semantics NC-15
}

#define TALK "--server", "h", "--group", "G:00"

static void talking_needs_a_group_and_words(void **state)
{
	assert_int_equal(PARSE("post", TALK, "--json", "one", "two"), 0);
	assert_int_equal(a.command, PEER_CMD_POST);
	assert_int_equal(a.n_words, 2);
	assert_string_equal(a.words[1], "two");
	assert_true(a.is_json);
	assert_int_equal(PARSE("listen", TALK, "--nearest", "--for", "9"), 0);
	assert_true(a.is_nearest && a.has_for);
	assert_int_equal(a.for_s, 9);
	assert_int_equal(PARSE("route", TALK, "nearest", "00", "text"), 0);
	assert_int_equal(PARSE("route", TALK, "far", "00", "text"), 0);
	assert_int_equal(PARSE("route", TALK, "neighbor", "increasing", "text"), 0);
	assert_int_equal(PARSE("route", TALK, "all", "text"), 0);
	assert_string_equal(a.words[0], "all");
	assert_int_equal(PARSE("members", TALK), 0);
	assert_int_equal(PARSE("coverage", TALK, "--for", "0"), 0);
}

static void every_command_has_a_name_and_help(void **state)
{
	assert_null(peer_command_name(PEER_CMD_NONE));
	for (int c = PEER_CMD_NONE + 1; c < PEER_CMDS; c++) {
		assert_int_equal(PARSE(peer_command_name((enum peer_command)c), "--help"), 0);
		assert_true(a.wants_help);
		assert_int_equal(a.command, c);
	}
}

static const char *const refused[][12] = {
	{"post", TALK},
	{"post", "--server", "h", "text"},
	{"post", "text"},
	{"post", TALK, "--nearest", "text"},
	{"listen", TALK, "word"},
	{"listen", TALK, "--for", "soon"},
	{"route", TALK},
	{"route", TALK, "sideways", "text"},
	{"route", TALK, "nearest", "text"},
	{"route", TALK, "all", "two", "words"},
	{"members", TALK, "--name", "n"},
	{"members", TALK, "word"},
	{"coverage", "--server", "h"},
	{"publish", "--server", "h", "--direct", "--group", "G:00", "--name", "n", "x"},
	{"publish", "--server", "h", "--direct", "x"},
	{"publish", "--server", "h", "--direct", "--name", "n", "--drop-late", "smell", "x"},
	{"publish", "--server", "h", "--direct", "--name", "n", "--drop-late", "audio,,data", "x"},
	{"publish", "--server", "h", "--direct", "--name", "n", "--peers-max", "0", "x"},
	{"play", "--server", "h", "--peer", "0123", "--name", "n", "x"},
	{"play", "--server", "h", "--direct", "--name", "n", "x"},
	{"play", GROUP, "--peer", PEER_ID, "x"},
	{"dance"},
	{"play"},
	{"play", "--server", "h", "--group", "G:00", "x"},
	{"play", "--server", "h", "--server", "i", "--name", "n", "x"},
	{"publish", "--server", "h", "--name", "n", "--window", "1000", "x"},
	{"play", "--server", "h", "--name", "n", "--send-to-all", "x"},
	{"publish", GROUP, "--preset", "lowest", "x"},
	{"publish", GROUP, "--preset", "low", "--fetch-period", "3000", "x"},
	{"publish", GROUP, "--fetch-period", "8000", "x"},
	{"play", GROUP, "--availability-period", "300", "--fetch-period", "200", "x"},
	{"play", GROUP, "--push-neighbours", "0", "x"},
	{"play", GROUP, "--json", "-"},
	{"swarm", "--server", "h", "--play", "n", "--members", "3"},
	{"play", "--name", "n", "x"},
	{"play", GROUP},
	{"play", GROUP, "x", "y"},
	{"play", GROUP, "--nonsense", "x"},
	{"play", GROUP, "--members", "3", "x"},
	{"play", GROUP, "--wait", "soon", "x"},
	{"play", GROUP, "--wait", "-1", "x"},
	{"play", GROUP, "--wait", "99999999999999999999", "x"},
	{"play", GROUP, "--bind", "nowhere", "x"},
	{"play", GROUP, "--progress", "bars", "x"},
	{"play", GROUP, "--uplink", "500", "x"},
	{"play", GROUP, "--uplink", "63kbit/s", "x"},
	{"play", GROUP, "--uplink", "500KB/s", "x"},
	{"info", "--uplink", "500kbit/s", "h"},
	{"swarm", "--server", "h", "--group", "G:00", "--play", "n"},
	{"swarm", "--server", "h", "--group", "G:00", "--play", "n", "--members", "0"},
	{"groupspec"},
	{"groupspec", "--name", "n", "extra"},
	{"info"},
	{"compare", "one"},
};

static void everything_else_is_refused(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(refused); i++)
		assert_row(parse(refused[i]) == PEER_USAGE,
			   refused[i][1] != NULL ? refused[i][1] : refused[i][0]);
}

// netgroup-semantics 8.3, MC-33: what is given goes before the preset, wherever it stands.
static void a_stream_has_six_parameters_and_presets(void **state)
{
	assert_int_equal(PARSE("publish", GROUP, "in.flv"), 0);
	assert_int_equal(a.params.window_ms, 0); // whatever the room's default is
	assert_int_equal(PARSE("publish", GROUP, "--window", "4000", "--preset", "low",
			       "--relay-margin", "500", "--push-neighbours", "6", "in.flv"),
			 0);
	assert_int_equal(a.params.window_ms, 4000);
	assert_int_equal(a.params.fetch_ms, 800);
	assert_int_equal(a.params.update_ms, 50);
	assert_int_equal(a.params.margin_ms, 500);
	assert_int_equal(a.params.push_neighbours, 6);
	assert_false(a.params.send_to_all);
	assert_int_equal(PARSE("publish", GROUP, "--preset", "ultra-low", "in.flv"), 0);
	assert_int_equal(a.params.window_ms, 1000);
	assert_true(a.params.send_to_all);
	assert_int_equal(PARSE("play", GROUP, "--fetch-period", "300", "--availability-period",
			       "20", "--send-to-all", "--json", "out.flv"),
			 0);
	assert_int_equal(a.params.fetch_ms, 300);
	assert_int_equal(a.params.update_ms, 20);
	assert_true(a.params.send_to_all);
	assert_true(a.is_json);
}

// It may name an IP multicast address where members meet; whether it does is seen when it is read.
static void with_a_group_no_server_is_needed(void **state)
{
	assert_int_equal(PARSE("post", "--group", "G:00", "text"), 0);
	assert_int_equal(PARSE("play", "--group", "G:00", "--name", "n", "x"), 0);
	assert_int_equal(PARSE("groupspec", "--name", "n", "--lan", "239.1.2.3:4000", "--lan",
			       "[ff35::1]:4000,2001:db8::7"),
			 0);
	assert_int_equal(a.n_places, 2);
	assert_int_equal(PARSE("groupspec", "--name", "n", "--lan", "10.1.2.3:4000"), PEER_USAGE);
	assert_int_equal(PARSE("groupspec", "--name", "n", "--lan", "ff35::1"), PEER_USAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_play_line_is_understood),
		cmocka_unit_test(a_stream_has_six_parameters_and_presets),
		cmocka_unit_test(with_a_group_no_server_is_needed),
		cmocka_unit_test(servers_repeat),
		cmocka_unit_test(an_address_needs_no_port),
		cmocka_unit_test(help_is_no_mistake),
		cmocka_unit_test(an_uplink_is_a_rate),
		cmocka_unit_test(direct_streams_need_no_group),
		cmocka_unit_test(talking_needs_a_group_and_words),
		cmocka_unit_test(every_command_has_a_name_and_help),
		cmocka_unit_test(everything_else_is_refused),
		cmocka_unit_test(without_a_group_it_is_the_servers_stream),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
