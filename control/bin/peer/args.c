#include "control/service/file_layout.h"
#include "control/bin/peer/args.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/units.h"
#include "control/bin/peer/stream_args.h"
#include "control/peer_id.h"

enum {
	OPT_SERVER = 256,
	OPT_IDENTITY,
	OPT_GROUP,
	OPT_NAME,
	OPT_BIND,
	OPT_WAIT,
	OPT_HMAC,
	OPT_HMAC_LENGTH,
	OPT_SEQUENCE_NUMBERS,
	OPT_DH,
	OPT_UPLINK,
	OPT_QUIET,
	OPT_PROGRESS,
	OPT_HELP,
	OPT_MEMBERS,
	OPT_PLAY,
	OPT_RATE,
	OPT_VERIFY,
	OPT_OUT,
	OPT_EXPLAIN,
	OPT_MULTICAST,
	OPT_POSTING,
	OPT_ROUTING,
	OPT_REPLICATION,
	OPT_PUBLISH_PASSWORD,
	OPT_POSTING_PASSWORD,
	OPT_UNIQUE,
	OPT_BOOTSTRAP,
	OPT_NO_SERVER_CHANNEL,
	OPT_V1,
	OPT_JOINED,
	OPT_LATE_MAX,
	OPT_NOT_ENDED,
	OPT_APART,
	OPT_DIRECT,
	OPT_PEER,
	OPT_PEERS_MAX,
	OPT_DROP_LATE,
	OPT_JSON,
	OPT_NEAREST,
	OPT_FOR,
	OPT_NUMBER,
	OPT_ROOT,
	OPT_IN_ORDER,
	OPT_LAN,
	OPT_NO_PEERS,
	OPT_MULTICAST_TTL,
};

#define UPLINK_MIN_BITS 64000 // less is not a stream's, and a mistaken unit more likely

#define FOR(c)     (1u << (c))
#define FOR_GROUP  (FOR(PEER_CMD_PUBLISH) | FOR(PEER_CMD_PLAY) | FOR(PEER_CMD_SWARM))
#define FOR_STREAM (FOR(PEER_CMD_PUBLISH) | FOR(PEER_CMD_PLAY))
#define FOR_TALK                                                                                   \
	(FOR(PEER_CMD_POST) | FOR(PEER_CMD_LISTEN) | FOR(PEER_CMD_ROUTE) | FOR(PEER_CMD_MEMBERS) | \
	 FOR(PEER_CMD_COVERAGE))
#define FOR_FILE (FOR(PEER_CMD_SHARE) | FOR(PEER_CMD_FETCH))
#define FOR_NET  (FOR_GROUP | FOR_TALK | FOR_FILE | FOR(PEER_CMD_INFO))

static const struct {
	struct option option;
	uint32_t commands; // which know it
} options[] = {
	{{"server", required_argument, NULL, OPT_SERVER}, FOR_NET},
	{{"identity", required_argument, NULL, OPT_IDENTITY}, FOR_NET},
	{{"bind", required_argument, NULL, OPT_BIND}, FOR_NET},
	{{"wait", required_argument, NULL, OPT_WAIT}, FOR_NET},
	{{"hmac", required_argument, NULL, OPT_HMAC}, FOR_NET},
	{{"hmac-length", required_argument, NULL, OPT_HMAC_LENGTH}, FOR_NET},
	{{"sequence-numbers", required_argument, NULL, OPT_SEQUENCE_NUMBERS}, FOR_NET},
	{{"dh", required_argument, NULL, OPT_DH}, FOR_NET},
	{{"uplink", required_argument, NULL, OPT_UPLINK}, FOR_GROUP | FOR_TALK | FOR_FILE},
	{{"quiet", no_argument, NULL, OPT_QUIET}, FOR_NET},
	{{"progress", required_argument, NULL, OPT_PROGRESS}, FOR_GROUP | FOR_FILE},
	{{"group", required_argument, NULL, OPT_GROUP}, FOR_GROUP | FOR_TALK | FOR_FILE},
	{{"json", no_argument, NULL, OPT_JSON}, FOR_TALK | FOR_STREAM | FOR_FILE},
	{{"nearest", no_argument, NULL, OPT_NEAREST}, FOR(PEER_CMD_LISTEN)},
	{{"for", required_argument, NULL, OPT_FOR},
	 FOR(PEER_CMD_LISTEN) | FOR(PEER_CMD_MEMBERS) | FOR(PEER_CMD_COVERAGE) | FOR_FILE},
	{{"root", required_argument, NULL, OPT_ROOT}, FOR(PEER_CMD_FETCH)},
	{{"number", required_argument, NULL, OPT_NUMBER},
	 FOR(PEER_CMD_SHARE) | FOR(PEER_CMD_FETCH)},
	{{"in-order", no_argument, NULL, OPT_IN_ORDER}, FOR(PEER_CMD_FETCH)},
	{{"name", required_argument, NULL, OPT_NAME},
	 FOR(PEER_CMD_PUBLISH) | FOR(PEER_CMD_PLAY) | FOR(PEER_CMD_GROUPSPEC)},
	{{"preset", required_argument, NULL, STREAM_OPT_PRESET}, FOR(PEER_CMD_PUBLISH)},
	{{"window", required_argument, NULL, STREAM_OPT_WINDOW}, FOR_STREAM},
	{{"relay-margin", required_argument, NULL, STREAM_OPT_MARGIN}, FOR_STREAM},
	{{"fetch-period", required_argument, NULL, STREAM_OPT_FETCH}, FOR_STREAM},
	{{"availability-period", required_argument, NULL, STREAM_OPT_UPDATE}, FOR_STREAM},
	{{"push-neighbours", required_argument, NULL, STREAM_OPT_PUSH}, FOR_STREAM},
	{{"send-to-all", no_argument, NULL, STREAM_OPT_TO_ALL}, FOR_STREAM},
	{{"direct", no_argument, NULL, OPT_DIRECT}, FOR(PEER_CMD_PUBLISH)},
	{{"peers-max", required_argument, NULL, OPT_PEERS_MAX}, FOR(PEER_CMD_PUBLISH)},
	{{"drop-late", required_argument, NULL, OPT_DROP_LATE}, FOR(PEER_CMD_PUBLISH)},
	{{"peer", required_argument, NULL, OPT_PEER}, FOR(PEER_CMD_PLAY)},
	{{"members", required_argument, NULL, OPT_MEMBERS}, FOR(PEER_CMD_SWARM)},
	{{"play", required_argument, NULL, OPT_PLAY}, FOR(PEER_CMD_SWARM)},
	{{"rate", required_argument, NULL, OPT_RATE}, FOR(PEER_CMD_SWARM)},
	{{"verify", required_argument, NULL, OPT_VERIFY}, FOR(PEER_CMD_SWARM)},
	{{"out", required_argument, NULL, OPT_OUT}, FOR(PEER_CMD_SWARM)},
	{{"explain", required_argument, NULL, OPT_EXPLAIN}, FOR(PEER_CMD_GROUPSPEC)},
	{{"multicast", no_argument, NULL, OPT_MULTICAST}, FOR(PEER_CMD_GROUPSPEC)},
	{{"posting", no_argument, NULL, OPT_POSTING}, FOR(PEER_CMD_GROUPSPEC)},
	{{"routing", no_argument, NULL, OPT_ROUTING}, FOR(PEER_CMD_GROUPSPEC)},
	{{"replication", no_argument, NULL, OPT_REPLICATION}, FOR(PEER_CMD_GROUPSPEC)},
	{{"publish-password", required_argument, NULL, OPT_PUBLISH_PASSWORD},
	 FOR(PEER_CMD_GROUPSPEC)},
	{{"posting-password", required_argument, NULL, OPT_POSTING_PASSWORD},
	 FOR(PEER_CMD_GROUPSPEC)},
	{{"unique", no_argument, NULL, OPT_UNIQUE}, FOR(PEER_CMD_GROUPSPEC)},
	{{"bootstrap", required_argument, NULL, OPT_BOOTSTRAP}, FOR(PEER_CMD_GROUPSPEC)},
	{{"no-server-channel", no_argument, NULL, OPT_NO_SERVER_CHANNEL}, FOR(PEER_CMD_GROUPSPEC)},
	{{"no-peers", no_argument, NULL, OPT_NO_PEERS}, FOR(PEER_CMD_GROUPSPEC)},
	{{"multicast-ttl", required_argument, NULL, OPT_MULTICAST_TTL}, FOR(PEER_CMD_PUBLISH)},
	{{"lan", required_argument, NULL, OPT_LAN}, FOR(PEER_CMD_GROUPSPEC)},
	{{"v1", no_argument, NULL, OPT_V1}, FOR(PEER_CMD_GROUPSPEC)},
	{{"joined", required_argument, NULL, OPT_JOINED}, FOR(PEER_CMD_COMPARE)},
	{{"late-max", required_argument, NULL, OPT_LATE_MAX}, FOR(PEER_CMD_COMPARE)},
	{{"not-ended", no_argument, NULL, OPT_NOT_ENDED}, FOR(PEER_CMD_COMPARE)},
	{{"apart", no_argument, NULL, OPT_APART}, FOR(PEER_CMD_COMPARE)},
	{{"help", no_argument, NULL, OPT_HELP}, UINT32_MAX},
};
#define N_OPTIONS (sizeof(options) / sizeof(options[0]))

#define N_COMMANDS PEER_CMDS

int peer_args_number(const char *option, const char *text, uint32_t min, uint32_t max,
		     uint32_t *out)
{
	char *end;
	unsigned long v;

	errno = 0;
	v = strtoul(text, &end, 10);
	if (errno != 0 || *text < '0' || *text > '9' || *end != '\0' || v < min || v > max) {
		fprintf(stderr, "annulus-peer: --%s: '%s' is not a number from %u to %u\n", option,
			text, min, max);
		return PEER_USAGE;
	}
	*out = (uint32_t)v;
	return 0;
}

static int want(const char *option, const char *text, enum keying_want *out)
{
	static const char *const words[] = {
		[KEYING_OFF] = "off", [KEYING_PREFER] = "prefer", [KEYING_REQUIRE] = "require"};

	for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(text, words[i]) == 0) {
			*out = (enum keying_want)i;
			return 0;
		}
	fprintf(stderr, "annulus-peer: --%s: '%s' is not off, prefer or require\n", option, text);
	return PEER_USAGE;
}

static int hmac_length(struct peer_args *a, const char *text)
{
	uint32_t len;
	int err = peer_args_number("hmac-length", text, CRYPTO_TAG_MIN, CRYPTO_TAG_MAX, &len);

	if (err == 0)
		a->policy.hmac_len = (uint8_t)len;
	return err;
}

// The policy's groups stay: the key that we have decides which of them it can be.
static int dh_group(struct peer_args *a, const char *text)
{
	int err = peer_args_number("dh", text, DH_GROUP_2, DH_GROUP_14, &a->dh_group);

	if (err != 0 || a->dh_group == DH_GROUP_2 || a->dh_group == DH_GROUP_14)
		return err;
	fprintf(stderr, "annulus-peer: --dh: '%s' is not 2 or 14\n", text);
	return PEER_USAGE;
}

// As annulusd's file has rates.
static int uplink(struct peer_args *a, const char *text)
{
	if (units_parse_rate(&a->uplink_bits, text, strlen(text)) == 0 &&
	    a->uplink_bits >= UPLINK_MIN_BITS)
		return 0;
	fprintf(stderr,
		"annulus-peer: --uplink: '%s' is not a rate such as 500kbit/s or 2.5Mbit/s, "
		"64kbit/s at least\n",
		text);
	return PEER_USAGE;
}

static int bind_address(struct peer_args *a, const char *text)
{
	char with_port[WIRE_ADDR_TEXT_MAX + 8];

	if (wire_addr_parse(&a->bind, text) == 0)
		return 0;
	snprintf(with_port, sizeof(with_port),
		 strchr(text, ':') && text[0] != '[' ? "[%s]:0" : "%s:0", text);
	if (wire_addr_parse(&a->bind, with_port) == 0)
		return 0;
	fprintf(stderr, "annulus-peer: --bind: '%s' is not an address\n", text);
	return PEER_USAGE;
}

static int drop_late(struct peer_args *a, const char *text)
{
	static const char *const kinds[] = {"audio", "video", "data"};
	bool *const drops[] = {&a->drops_audio, &a->drops_video, &a->drops_data};

	for (size_t len; *text != '\0'; text += len + (text[len] == ',')) {
		unsigned i = 0;

		len = strcspn(text, ",");
		while (i < 3 && (strlen(kinds[i]) != len || memcmp(kinds[i], text, len) != 0))
			i++;
		if (i == 3) {
			fprintf(stderr,
				"annulus-peer: --drop-late: '%.*s' is not audio, video or data\n",
				(int)len, text);
			return PEER_USAGE;
		}
		*drops[i] = true;
	}
	return 0;
}

static int peer_id(struct peer_args *a, const char *text)
{
	a->peer_text = text;
	if (peer_id_parse(a->peer, text) == 0)
		return 0;
	fprintf(stderr, "annulus-peer: --peer: '%.80s' is not a peer ID (64 hex digits)\n", text);
	return PEER_USAGE;
}

static int root_hash(struct peer_args *a, const char *text)
{
	a->has_root = true;
	if (peer_id_parse(a->root, text) == 0) // as many digits
		return 0;
	fprintf(stderr, "annulus-peer: --root: '%.80s' is not a hash (64 hex digits)\n", text);
	return PEER_USAGE;
}

static int list_add(const char *option, const char **list, uint32_t *n, uint32_t max,
		    const char *value)
{
	if (*n == max) {
		fprintf(stderr, "annulus-peer: --%s: given more than %u times\n", option, max);
		return PEER_USAGE;
	}
	list[(*n)++] = value;
	return 0;
}

static int lan_place(struct peer_args *a, const char *text)
{
	const char *why;

	if (a->n_places == GROUPSPEC_PLACES_MAX) {
		fprintf(stderr, "annulus-peer: --lan: given more than %u times\n",
			GROUPSPEC_PLACES_MAX);
		return PEER_USAGE;
	}
	if (groupspec_place_parse(&a->places[a->n_places], text, &why) != 0) {
		fprintf(stderr, "annulus-peer: --lan: '%s': %s\n", text, why);
		return PEER_USAGE;
	}
	a->n_places++;
	return 0;
}

static int take_option(struct peer_args *a, int opt, const char *v)
{
	if (opt >= STREAM_OPT_FIRST && opt < STREAM_OPT_END)
		return stream_args_take(a, (enum stream_option)opt, v);
	switch (opt) {
	case OPT_SERVER:
		return list_add("server", a->servers, &a->n_servers, PEER_SERVERS_MAX, v);
	case OPT_BOOTSTRAP:
		return list_add("bootstrap", a->bootstrap, &a->n_bootstrap, PEER_BOOTSTRAP_MAX, v);
	case OPT_IDENTITY:
		a->identity = v;
		return 0;
	case OPT_GROUP:
		a->group = v;
		return 0;
	case OPT_NAME:
	case OPT_PLAY:
		a->name = v;
		return 0;
	case OPT_BIND:
		return bind_address(a, v);
	case OPT_HMAC:
		return want("hmac", v, &a->policy.hmac);
	case OPT_HMAC_LENGTH:
		return hmac_length(a, v);
	case OPT_SEQUENCE_NUMBERS:
		return want("sequence-numbers", v, &a->policy.sseq);
	case OPT_DH:
		return dh_group(a, v);
	case OPT_UPLINK:
		return uplink(a, v);
	case OPT_WAIT:
		return peer_args_number("wait", v, 0, 86400, &a->wait_s);
	case OPT_QUIET:
		a->is_quiet = true;
		return 0;
	case OPT_PROGRESS:
		if (strcmp(v, "lines") != 0) {
			fprintf(stderr, "annulus-peer: --progress: '%s' is not 'lines'\n", v);
			return PEER_USAGE;
		}
		a->wants_lines = true;
		return 0;
	case OPT_HELP:
		a->wants_help = true;
		return 0;
	case OPT_MEMBERS:
		return peer_args_number("members", v, 1, 10000, &a->members);
	case OPT_RATE:
		return peer_args_number("rate", v, 1, 100000, &a->join_per_s);
	case OPT_VERIFY:
		a->verify = v;
		return 0;
	case OPT_OUT:
		a->out_dir = v;
		return 0;
	case OPT_EXPLAIN:
		a->explain = v;
		return 0;
	case OPT_MULTICAST:
		a->multicast = true;
		return 0;
	case OPT_POSTING:
		a->posting = true;
		return 0;
	case OPT_ROUTING:
		a->routing = true;
		return 0;
	case OPT_REPLICATION:
		a->replication = true;
		return 0;
	case OPT_PUBLISH_PASSWORD:
		a->publish_password = v;
		return 0;
	case OPT_POSTING_PASSWORD:
		a->posting_password = v;
		return 0;
	case OPT_UNIQUE:
		a->unique = true;
		return 0;
	case OPT_NO_SERVER_CHANNEL:
		a->no_server_channel = true;
		return 0;
	case OPT_NO_PEERS:
		a->no_peers = true;
		return 0;
	case OPT_MULTICAST_TTL:
		return peer_args_number("multicast-ttl", v, 1, 255, &a->multicast_ttl);
	case OPT_LAN:
		return lan_place(a, v);
	case OPT_V1:
		a->v1 = true;
		return 0;
	case OPT_JOINED:
		a->is_late = true;
		return peer_args_number("joined", v, 0, UINT32_MAX, &a->joined_ms);
	case OPT_LATE_MAX:
		return peer_args_number("late-max", v, 0, UINT32_MAX, &a->late_max_ms);
	case OPT_APART:
		a->is_apart = true;
		return 0;
	case OPT_NOT_ENDED:
		a->did_not_end = true;
		return 0;
	case OPT_DIRECT:
		a->is_direct = true;
		return 0;
	case OPT_PEER:
		return peer_id(a, v);
	case OPT_PEERS_MAX:
		return peer_args_number("peers-max", v, 1, 10000, &a->peers_max);
	case OPT_DROP_LATE:
		return drop_late(a, v);
	case OPT_JSON:
		a->is_json = true;
		return 0;
	case OPT_NEAREST:
		a->is_nearest = true;
		return 0;
	case OPT_ROOT:
		return root_hash(a, v);
	case OPT_IN_ORDER:
		a->is_in_order = true;
		return 0;
	case OPT_NUMBER:
		return peer_args_number("number", v, 0, FILES_MAX - 1, &a->file_number);
	case OPT_FOR:
		a->has_for = true;
		return peer_args_number("for", v, 0, 86400 * 365, &a->for_s);
	default: // getopt has said what
		return PEER_USAGE;
	}
}

static int missing(const char *command, const char *what)
{
	fprintf(stderr, "annulus-peer %s: %s is missing (see annulus-peer %s --help)\n", command,
		what, command);
	return PEER_USAGE;
}

// nearest ADDRESS TEXT, far ADDRESS TEXT, neighbor DIRECTION TEXT, all TEXT.
static int check_route(const struct peer_args *a)
{
	static const struct {
		const char *verb;
		uint32_t n;
	} verbs[] = {{"nearest", 3}, {"far", 3}, {"neighbor", 3}, {"all", 2}};

	for (unsigned i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (a->n_words > 0 && strcmp(a->words[0], verbs[i].verb) == 0) {
			if (a->n_words == verbs[i].n)
				return 0;
			fprintf(stderr,
				"annulus-peer route: '%s' needs %u words behind it (see "
				"annulus-peer route --help)\n",
				verbs[i].verb, verbs[i].n - 1);
			return PEER_USAGE;
		}
	return missing("route", "nearest, far, neighbor or all");
}

// What every command needs of what it was given.
static int check(const struct peer_args *a)
{
	const char *name = peer_command_name(a->command);
	bool is_group = FOR_GROUP & FOR(a->command);
	bool is_talk = (FOR_TALK | FOR_FILE) & FOR(a->command);
	bool is_direct = a->is_direct || a->peer_text;

	if ((is_group || is_talk) && a->n_servers == 0 && a->group == NULL)
		return missing(name, "--server"); // with a group, its groupspec may do
	if (is_talk && a->group == NULL)
		return missing(name, "--group");
	if (a->command == PEER_CMD_SWARM && a->group == NULL)
		return missing(name, "--group");
	if (is_direct && a->group != NULL) {
		fprintf(stderr, "annulus-peer %s: give --group or %s, not both\n", name,
			a->is_direct ? "--direct" : "--peer");
		return PEER_USAGE;
	}
	if (is_group && a->name == NULL)
		return missing(name, a->command == PEER_CMD_SWARM ? "--play" : "--name");
	if (is_group && a->group == NULL &&
	    ((a->n_servers > 1 && !is_direct) || stream_args_given(a))) {
		fprintf(stderr,
			"annulus-peer %s: without --group it is one --server, and no --window or "
			"others of its kind\n",
			name);
		return PEER_USAGE;
	}
	if (a->command == PEER_CMD_PLAY && a->is_json && a->file && strcmp(a->file, "-") == 0) {
		fprintf(stderr, "annulus-peer play: standard output is for --json or for the "
				"stream (-), not for both\n");
		return PEER_USAGE;
	}
	switch (a->command) {
	case PEER_CMD_PUBLISH:
	case PEER_CMD_PLAY:
		return a->file == NULL ? missing(name, "the FLV file") : 0;
	case PEER_CMD_SWARM:
		return a->members == 0 ? missing(name, "--members") : 0;
	case PEER_CMD_GROUPSPEC:
		return a->name == NULL && a->explain == NULL ? missing(name, "--name or --explain")
							     : 0;
	case PEER_CMD_POST:
		return a->n_words == 0 ? missing(name, "the text") : 0;
	case PEER_CMD_SHARE:
	case PEER_CMD_FETCH:
		return a->file == NULL ? missing(name, "the file") : 0;
	case PEER_CMD_ROUTE:
		return check_route(a);
	case PEER_CMD_INFO:
		return a->file == NULL ? missing(name, "the host") : 0;
	case PEER_CMD_COMPARE:
		return a->source == NULL || a->file == NULL ? missing(name, "a file") : 0;
	default:
		return 0;
	}
}

static int take_words(struct peer_args *a, int argc, char **argv)
{
	bool wants_two = a->command == PEER_CMD_COMPARE;
	bool wants_none = a->command == PEER_CMD_SWARM || a->command == PEER_CMD_GROUPSPEC;
	int max = wants_two ? 2 : wants_none ? 0 : 1;

	wants_none |= (FOR_TALK & FOR(a->command)) != 0;
	a->words = argv;
	a->n_words = (uint32_t)argc;
	if (a->command == PEER_CMD_POST || a->command == PEER_CMD_ROUTE)
		return 0;
	max = wants_none ? 0 : max;

	if (argc > max) {
		fprintf(stderr, "annulus-peer %s: '%s' is one word too many\n",
			peer_command_name(a->command), argv[max]);
		return PEER_USAGE;
	}
	if (wants_two) {
		a->source = argc > 0 ? argv[0] : NULL;
		a->file = argc > 1 ? argv[1] : NULL;
	} else if (!wants_none) {
		a->file = argc > 0 ? argv[0] : NULL;
	}
	return 0;
}

int peer_args_parse(struct peer_args *a, int argc, char **argv)
{
	struct option known[N_OPTIONS + 1];
	uint32_t n = 0;
	int opt, err;

	*a = (struct peer_args){.policy = keying_policy_default,
				.dh_group = DH_GROUP_2,
				.wait_s = 30,
				.join_per_s = 50,
				.late_max_ms = 3000,
				.peers_max = 8};
	if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
		a->wants_help = argc >= 2;
		return argc >= 2 ? 0 : (peer_usage(PEER_CMD_NONE, true), PEER_USAGE);
	}
	for (uint32_t i = 1; i < N_COMMANDS; i++)
		if (strcmp(argv[1], peer_command_name((enum peer_command)i)) == 0)
			a->command = (enum peer_command)i;
	if (a->command == PEER_CMD_NONE) {
		fprintf(stderr,
			"annulus-peer: there is no command '%s' (see annulus-peer --help)\n",
			argv[1]);
		return PEER_USAGE;
	}
	for (uint32_t i = 0; i < N_OPTIONS; i++)
		if (options[i].commands & FOR(a->command))
			known[n++] = options[i].option;
	known[n] = (struct option){0};
	optind = 2;
	while ((opt = getopt_long(argc, argv, "", known, NULL)) != -1) {
		err = take_option(a, opt, optarg);
		if (err != 0)
			return err;
	}
	if (a->wants_help)
		return 0;
	err = take_words(a, argc - optind, argv + optind);
	if (err == 0)
		err = stream_args_check(a);
	return err != 0 ? err : check(a);
}
