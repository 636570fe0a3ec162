#include "control/bin/peer/args.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
	OPT_WINDOW,
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
};

#define FOR(c)    (1u << (c))
#define FOR_GROUP (FOR(PEER_CMD_PUBLISH) | FOR(PEER_CMD_PLAY) | FOR(PEER_CMD_SWARM))
#define FOR_NET   (FOR_GROUP | FOR(PEER_CMD_INFO))

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
	{{"quiet", no_argument, NULL, OPT_QUIET}, FOR_NET},
	{{"progress", required_argument, NULL, OPT_PROGRESS}, FOR_GROUP},
	{{"group", required_argument, NULL, OPT_GROUP}, FOR_GROUP},
	{{"name", required_argument, NULL, OPT_NAME},
	 FOR(PEER_CMD_PUBLISH) | FOR(PEER_CMD_PLAY) | FOR(PEER_CMD_GROUPSPEC)},
	{{"window", required_argument, NULL, OPT_WINDOW}, FOR(PEER_CMD_PUBLISH)},
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
	{{"v1", no_argument, NULL, OPT_V1}, FOR(PEER_CMD_GROUPSPEC)},
	{{"joined", required_argument, NULL, OPT_JOINED}, FOR(PEER_CMD_COMPARE)},
	{{"late-max", required_argument, NULL, OPT_LATE_MAX}, FOR(PEER_CMD_COMPARE)},
	{{"not-ended", no_argument, NULL, OPT_NOT_ENDED}, FOR(PEER_CMD_COMPARE)},
	{{"apart", no_argument, NULL, OPT_APART}, FOR(PEER_CMD_COMPARE)},
	{{"help", no_argument, NULL, OPT_HELP}, UINT32_MAX},
};
#define N_OPTIONS (sizeof(options) / sizeof(options[0]))

#define SECURITY_USAGE                                                                             \
	"  --hmac WANT                 off, prefer (default) or require packets with an HMAC\n"    \
	"  --hmac-length OCTETS        of ours, 4 to 32 (default 16)\n"                            \
	"  --sequence-numbers WANT     off, prefer (default) or require; they stop replays\n"      \
	"  --dh GROUP                  2 (default; old peers know no other) or 14\n"

static const struct {
	const char *name;
	const char *usage;
} commands[] = {
	[PEER_CMD_NONE] =
		{NULL,
		 "usage: annulus-peer COMMAND ...\n"
		 "\n"
		 "  publish    --server HOST [--group SPEC] --name NAME FILE.flv send a live "
		 "stream into a group, or to the server\n"
		 "  play       --server HOST [--group SPEC] --name NAME OUT.flv  receive one\n"
		 "  publish    --server HOST --direct --name NAME FILE.flv       ... or to peers "
		 "one by "
		 "one\n"
		 "  play       --server HOST --peer ID --name NAME OUT.flv       ... from a peer\n"
		 "  swarm      --server HOST --group SPEC --play NAME --members N   many players "
		 "in one process\n"
		 "  groupspec  --name NAME [--multicast ...] | --explain SPEC    make or decode a "
		 "groupspec\n"
		 "  info       HOST[:PORT][/APP]                                 who answers "
		 "there, and how\n"
		 "  compare    SOURCE.flv PLAYED.flv                             did a player get "
		 "the stream?\n"
		 "\n"
		 "`annulus-peer COMMAND --help` tells more. Exit codes: 0 whole; 1 usage, "
		 "configuration or input;\n"
		 "2 could not connect or join; 3 holes (listed); 4 the source vanished.\n"},
	[PEER_CMD_PUBLISH] =
		{"publish",
		 "usage: annulus-peer publish --server HOST[:PORT][/APP] [--group SPEC] --name "
		 "NAME "
		 "FILE.flv\n"
		 "       annulus-peer publish --server HOST[:PORT][/APP] --direct --name NAME "
		 "FILE.flv\n"
		 "\n"
		 "Publishes an FLV file, or standard input (-), into a group at the pace of its "
		 "timestamps; without\n"
		 "--group to the server, from where other clients of the same APP play it. "
		 "With --direct to\n"
		 "peers who come for it one by one: prints the peer ID that they need on standard "
		 "output,\n"
		 "and begins when the first one plays.\n"
		 "\n"
		 "  --server HOST[:PORT][/APP]  introducer; repeatable (default port 1935)\n"
		 "  --group SPEC                groupspec, or file:PATH of one\n"
		 "  --name NAME                 stream name\n"
		 "  --window MS                 window of the stream (default 8000)\n"
		 "  --direct                    to peers that the introducer sends, without a "
		 "group\n"
		 "  --peers-max N               peers at a time with --direct (default 8)\n"
		 "  --drop-late KINDS           with --direct: audio,video,data are given up after "
		 "about 2 s instead\n"
		 "                              of being sent until they are there\n"
		 "  --identity FILE             keep the peer ID in this file (default: a new one "
		 "each run)\n"
		 "  --bind ADDRESS[:PORT]       local address (default: any)\n" SECURITY_USAGE
		 "  --wait SECONDS              for a first neighbour (default 30; 0: for ever)\n"
		 "  --progress lines            one key=value line a second on standard error\n"
		 "  --quiet                     no progress\n"},
	[PEER_CMD_PLAY] =
		{"play",
		 "usage: annulus-peer play --server HOST[:PORT][/APP] [--group SPEC] --name NAME "
		 "OUT.flv\n"
		 "       annulus-peer play --server HOST[:PORT][/APP] --peer ID --name NAME "
		 "OUT.flv\n"
		 "\n"
		 "Plays a stream of a group into an FLV file, or to standard output (-), from the "
		 "first key frame\n"
		 "on until its source ends it. Relays it to other members meanwhile. Without "
		 "--group: plays what a\n"
		 "client of the same APP publishes to the server. With --peer: what that peer "
		 "publishes\n"
		 "directly; the introducer shows the way to it.\n"
		 "\n"
		 "  --server HOST[:PORT][/APP]  introducer; repeatable (default port 1935)\n"
		 "  --group SPEC                groupspec, or file:PATH of one\n"
		 "  --peer ID                   whom to play from, 64 hex digits, instead of a "
		 "group\n"
		 "  --name NAME                 stream name\n"
		 "  --identity FILE             keep the peer ID in this file (default: a new one "
		 "each run)\n"
		 "  --bind ADDRESS[:PORT]       local address (default: any)\n" SECURITY_USAGE
		 "  --wait SECONDS              for a first neighbour (default 30; 0: for ever)\n"
		 "  --progress lines            one key=value line a second on standard error\n"
		 "  --quiet                     no progress\n"},
	[PEER_CMD_SWARM] =
		{"swarm",
		 "usage: annulus-peer swarm --server HOST[:PORT][/APP] --group SPEC --play NAME "
		 "--members N\n"
		 "\n"
		 "N players in one process, each with its own socket and identity.\n"
		 "\n"
		 "  --members N       how many\n"
		 "  --rate N          how many join per second (default 50)\n"
		 "  --play NAME       stream name\n"
		 "  --verify FILE     compare what every member got with this FLV file\n"
		 "  --out DIR         keep what they got: DIR/member-1.flv ...\n"
		 "  --server, --group, --bind, --wait, --progress, --quiet, --hmac, "
		 "--hmac-length,\n"
		 "  --sequence-numbers, --dh as for `play`\n"},
	[PEER_CMD_GROUPSPEC] = {"groupspec",
				"usage: annulus-peer groupspec --name NAME [--multicast] "
				"[--posting] [--routing] [--replication]\n"
				"         [--publish-password P] [--posting-password P] [--unique] "
				"[--bootstrap PEER-ID]\n"
				"         [--no-server-channel] [--v1]\n"
				"       annulus-peer groupspec --explain SPEC\n"
				"\n"
				"Prints a groupspec, with authorizations (for those who may "
				"publish or post) and without (for\n"
				"everybody else), or says what a given one means. Whoever holds a "
				"groupspec can join its group.\n"},
	[PEER_CMD_INFO] = {"info", "usage: annulus-peer info HOST[:PORT][/APP] [--identity FILE] "
				   "[--bind ADDRESS[:PORT]] [--wait SECONDS]\n"
				   "\n"
				   "Shakes hands and connects; prints peer ID, round trip time, "
				   "Diffie-Hellman group and features.\n"
				   "\n" SECURITY_USAGE},
	[PEER_CMD_COMPARE] = {"compare", "usage: annulus-peer compare SOURCE.flv PLAYED.flv "
					 "[--joined MS [--late-max MS]] [--not-ended] [--apart]\n"
					 "\n"
					 "Says whether PLAYED is SOURCE from a key frame on, tag "
					 "by tag. Without --joined that must be\n"
					 "SOURCE's first key frame; with it, one at most "
					 "--late-max (3000) ms of stream time after MS. With "
					 "--apart pictures, sound and data need\n"
					 "not be in the source's order among each other: so it "
					 "is without a group, where they travel apart.\n"},
};
#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

void peer_usage(enum peer_command c, bool to_stderr)
{
	fputs(commands[c].usage, to_stderr ? stderr : stdout);
}

static int number(const char *option, const char *text, uint32_t min, uint32_t max, uint32_t *out)
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
	int err = number("hmac-length", text, CRYPTO_TAG_MIN, CRYPTO_TAG_MAX, &len);

	if (err == 0)
		a->policy.hmac_len = (uint8_t)len;
	return err;
}

// The policy's groups stay: the key that we have decides which of them it can be.
static int dh_group(struct peer_args *a, const char *text)
{
	int err = number("dh", text, DH_GROUP_2, DH_GROUP_14, &a->dh_group);

	if (err != 0 || a->dh_group == DH_GROUP_2 || a->dh_group == DH_GROUP_14)
		return err;
	fprintf(stderr, "annulus-peer: --dh: '%s' is not 2 or 14\n", text);
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

static int take_option(struct peer_args *a, int opt, const char *v)
{
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
	case OPT_WAIT:
		return number("wait", v, 0, 86400, &a->wait_s);
	case OPT_WINDOW:
		return number("window", v, 100, 120000, &a->window_ms);
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
		return number("members", v, 1, 10000, &a->members);
	case OPT_RATE:
		return number("rate", v, 1, 100000, &a->join_per_s);
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
	case OPT_V1:
		a->v1 = true;
		return 0;
	case OPT_JOINED:
		a->is_late = true;
		return number("joined", v, 0, UINT32_MAX, &a->joined_ms);
	case OPT_LATE_MAX:
		return number("late-max", v, 0, UINT32_MAX, &a->late_max_ms);
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
		return number("peers-max", v, 1, 10000, &a->peers_max);
	case OPT_DROP_LATE:
		return drop_late(a, v);
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

// What every command needs of what it was given.
static int check(const struct peer_args *a)
{
	const char *name = commands[a->command].name;
	bool is_group = FOR_GROUP & FOR(a->command), is_direct = a->is_direct || a->peer_text;

	if (is_group && a->n_servers == 0)
		return missing(name, "--server");
	if (a->command == PEER_CMD_SWARM && a->group == NULL)
		return missing(name, "--group");
	if (is_direct && a->group != NULL) {
		fprintf(stderr, "annulus-peer %s: give --group or %s, not both\n", name,
			a->is_direct ? "--direct" : "--peer");
		return PEER_USAGE;
	}
	if (is_group && a->name == NULL)
		return missing(name, a->command == PEER_CMD_SWARM ? "--play" : "--name");
	if (is_group && a->group == NULL && !is_direct && (a->n_servers > 1 || a->window_ms > 0)) {
		fprintf(stderr,
			"annulus-peer %s: without --group it is one --server, and no --window\n",
			name);
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

	if (argc > max) {
		fprintf(stderr, "annulus-peer %s: '%s' is one word too many\n",
			commands[a->command].name, argv[max]);
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
				.peers_max = 8,
				.bind = {.family = 4}};
	if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
		a->wants_help = argc >= 2;
		return argc >= 2 ? 0 : (peer_usage(PEER_CMD_NONE, true), PEER_USAGE);
	}
	for (uint32_t i = 1; i < N_COMMANDS; i++)
		if (strcmp(argv[1], commands[i].name) == 0)
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
	return err != 0 ? err : check(a);
}
