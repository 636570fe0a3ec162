// What annulus-peer says of its commands.
#include <stdio.h>

#include "control/bin/peer/args.h"

#define SECURITY_USAGE                                                                             \
	"  --hmac WANT                 off, prefer (default) or require packets with an HMAC\n"    \
	"  --hmac-length OCTETS        of ours, 4 to 32 (default 16)\n"                            \
	"  --sequence-numbers WANT     off, prefer (default) or require; they stop replays\n"      \
	"  --dh GROUP                  2 (default; old peers know no other) or 14\n"

#define UPLINK_USAGE                                                                               \
	"  --uplink RATE               what our line carries upward, 500kbit/s or 2.5Mbit/s: no "  \
	"more is sent\n"                                                                           \
	"                              or promised to others (default: found out as it fills)\n"

#define STREAM_USAGE                                                                               \
	"  --window MS                 how long holes are waited for (default 8000)\n"             \
	"  --relay-margin MS           kept for others beyond that (default 2000)\n"               \
	"  --fetch-period MS           from hearing of a piece to asking for it (default 2500)\n"  \
	"  --availability-period MS    between two maps of what is here (default 100)\n"           \
	"  --send-to-all               maps go to all neighbours at once\n"                        \
	"  --push-neighbours N         get pieces unasked (default 4, which means 5)\n"
#define STREAM_JSON_USAGE                                                                          \
	"  --json                      events and figures, one JSON object a line, on standard "   \
	"output\n"

// Of the commands that stay in a group and talk.
#define TALK_USAGE                                                                                 \
	"\n"                                                                                       \
	"  --server HOST[:PORT][/APP]  introducer; repeatable (default port 1935); not needed "    \
	"where "                                                                                   \
	"the groupspec has --lan\n"                                                                \
	"  --group SPEC                groupspec, or file:PATH of one\n"                           \
	"  --json                      one JSON object a line: events and results\n"               \
	"  --identity FILE             keep the peer ID in this file (default: a new one each "    \
	"run)\n"                                                                                   \
	"  --bind ADDRESS[:PORT]       local address (default: any)\n" SECURITY_USAGE UPLINK_USAGE \
	"  --wait SECONDS              for a first neighbour, and for somebody who takes it "      \
	"(default 30)\n"                                                                           \
	"  --quiet                     only what was asked for\n"

static const struct {
	const char *name;
	const char *usage;
} commands[PEER_CMDS] = {
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
		 "  post       --server HOST --group SPEC TEXT...                tell all members\n"
		 "  listen     --server HOST --group SPEC                        hear what is "
		 "posted "
		 "and routed\n"
		 "  route      --server HOST --group SPEC nearest|neighbor|all ...   to one "
		 "member, or "
		 "to all beside us\n"
		 "  members    --server HOST --group SPEC                        who is there\n"
		 "  coverage   --server HOST --group SPEC                        which part of the "
		 "ring would be ours\n"
		 "  share      --server HOST --group SPEC FILE                   give a file to "
		 "the group\n"
		 "  fetch      --server HOST --group SPEC OUT                    get it, from "
		 "whoever has it\n"
		 "  info       HOST[:PORT][/APP]                                 who answers "
		 "there, and how\n"
		 "  compare    SOURCE.flv PLAYED.flv                             did a player get "
		 "the stream?\n"
		 "\n"
		 "`annulus-peer COMMAND --help` tells more. Exit codes: 0 whole; 1 usage, "
		 "configuration or input;\n"
		 "2 could not connect or join; 3 holes (listed), nobody took the message, or a "
		 "fetch was "
		 "interrupted;\n"
		 "4 the source vanished, or nobody gives the file any more.\n"},
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
		 "  --preset NAME               default, low (3 s) or ultra-low (1 s; LAN): sets "
		 "what "
		 "follows\n" STREAM_USAGE "  --multicast-ttl HOPS        to the groupspec's IP "
		 "multicast addresses, too; peers "
		 "repair what is lost\n" STREAM_JSON_USAGE
		 "  --direct                    to peers that the introducer sends, without a "
		 "group\n"
		 "  --peers-max N               peers at a time with --direct (default 8)\n"
		 "  --drop-late KINDS           with --direct: audio,video,data are given up after "
		 "about 2 s instead\n"
		 "                              of being sent until they are there\n"
		 "  --identity FILE             keep the peer ID in this file (default: a new one "
		 "each run)\n"
		 "  --bind ADDRESS[:PORT]       local address (default: any)\n" SECURITY_USAGE
			 UPLINK_USAGE
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
		 "  --name NAME                 stream name\n" STREAM_USAGE
		 "                              (of --group: in place of the publisher's, until "
		 "another stream of the name)\n" STREAM_JSON_USAGE
		 "  --identity FILE             keep the peer ID in this file (default: a new one "
		 "each run)\n"
		 "  --bind ADDRESS[:PORT]       local address (default: any)\n" SECURITY_USAGE
			 UPLINK_USAGE
		 "  --wait SECONDS              for a first neighbour (default 30; 0: for ever)\n"
		 "  --progress lines            one key=value line a second on standard error\n"
		 "  --quiet                     no progress\n"},
	[PEER_CMD_SWARM] =
		{"swarm",
		 "usage: annulus-peer swarm --server HOST[:PORT][/APP] --group SPEC --play NAME "
		 "--members N\n"
		 "\n"
		 "N players in one process, each with its own socket and identity. In the end it "
		 "says "
		 "what share\n"
		 "of a core they took: above 80 % it is the swarm that is measured, and not the "
		 "far "
		 "end. For\n"
		 "thousands there is the load generator on a DPDK port (perf/README.md).\n"
		 "\n"
		 "  --members N       how many\n"
		 "  --rate N          how many join per second (default 50)\n"
		 "  --play NAME       stream name\n"
		 "  --verify FILE     compare what every member got with this FLV file\n"
		 "  --out DIR         keep what they got: DIR/member-1.flv ...\n"
		 "  --server, --group, --bind, --wait, --progress, --quiet, --hmac, "
		 "--hmac-length,\n"
		 "  --sequence-numbers, --dh, --uplink (of each) as for `play`\n"},
	[PEER_CMD_GROUPSPEC] =
		{"groupspec", "usage: annulus-peer groupspec --name NAME [--multicast] "
			      "[--posting] [--routing] [--replication]\n"
			      "         [--publish-password P] [--posting-password P] [--unique] "
			      "[--bootstrap PEER-ID]\n"
			      "         [--no-server-channel] [--v1] [--lan "
			      "ADDRESS:PORT[,SOURCE]]... [--no-peers]\n"
			      "       annulus-peer groupspec --explain SPEC\n"
			      "\n"
			      "Prints a groupspec, with authorizations (for those who may "
			      "publish or post) and without (for\n"
			      "everybody else), or says what a given one means. Whoever holds a "
			      "groupspec can join its group.\n"
			      "\n"
			      "--lan names an IP multicast address where members of one network "
			      "find each other, without a\n"
			      "--server, too: 239.1.2.3:4000, [ff05::1234]:4000. Of the sender "
			      "SOURCE alone, if it is given. With --no-peers there are streams by "
			      "IP multicast and nothing else.\n"},
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
	[PEER_CMD_POST] =
		{"post",
		 "usage: annulus-peer post --server HOST[:PORT][/APP] --group SPEC TEXT... | -\n"
		 "\n"
		 "Posts each TEXT, or each line of standard input (-), to all members of the "
		 "group: an AMF3 string.\n"
		 "Ends when a neighbour has taken it. The same text posted again within ten "
		 "minutes is the same message.\n" TALK_USAGE},
	[PEER_CMD_LISTEN] =
		{"listen",
		 "usage: annulus-peer listen --server HOST[:PORT][/APP] --group SPEC [--nearest] "
		 "[--for "
		 "SECONDS]\n"
		 "\n"
		 "Prints what members post, what they send us, who comes and goes, and, with "
		 "--nearest, which part of the\n"
		 "ring is ours. Commands are read from standard input, one a line:\n"
		 "\n"
		 "  post TEXT                                  to all members\n"
		 "  nearest ADDRESS TEXT                       one hop toward a group address\n"
		 "  far ADDRESS TEXT                           all the way there\n"
		 "  neighbor increasing|decreasing TEXT        to the next one on the ring\n"
		 "  all TEXT                                   to all neighbours\n"
		 "  mode exact|nearest                         receive mode\n"
		 "  hint PEER | call PEER                      a member: to be met if that is "
		 "wanted, or at once\n"
		 "  members | coverage                         what there is\n"
		 "  quit\n"
		 "\n"
		 "  --nearest                   receive mode NEAREST (default: EXACT)\n"
		 "  --for SECONDS               and then end (default: never)\n" TALK_USAGE},
	[PEER_CMD_ROUTE] =
		{"route",
		 "usage: annulus-peer route --server HOST --group SPEC nearest ADDRESS TEXT\n"
		 "       annulus-peer route --server HOST --group SPEC far ADDRESS TEXT\n"
		 "       annulus-peer route --server HOST --group SPEC neighbor "
		 "increasing|decreasing "
		 "TEXT\n"
		 "       annulus-peer route --server HOST --group SPEC all TEXT\n"
		 "\n"
		 "Sends TEXT one hop: to the neighbour nearest to a group address, to the next one "
		 "on "
		 "the ring, to all\n"
		 "neighbours; or (far) all the way to the nearest member of the group. ADDRESS is "
		 "64 "
		 "hex digits, or\n"
		 "peer: and a peer ID. Prints sent, no route or error.\n" TALK_USAGE},
	[PEER_CMD_MEMBERS] =
		{"members",
		 "usage: annulus-peer members --server HOST --group SPEC [--for SECONDS]\n"
		 "\n"
		 "Lists the members that are known after some seconds, from us upward on the "
		 "ring.\n"
		 "\n"
		 "  --for SECONDS               before looking (default 5)\n" TALK_USAGE},
	[PEER_CMD_COVERAGE] =
		{"coverage",
		 "usage: annulus-peer coverage --server HOST --group SPEC [--for SECONDS]\n"
		 "\n"
		 "Takes a place on the ring in receive mode NEAREST, and prints which part "
		 "of it is ours once those\n"
		 "beside us have been the same for 5 s. With --for: also every change in that "
		 "time.\n"
		 "\n"
		 "  --for SECONDS               afterwards (default 0)\n" TALK_USAGE},
	[PEER_CMD_SHARE] =
		{"share",
		 "usage: annulus-peer share --server HOST[:PORT][/APP] --group SPEC FILE\n"
		 "\n"
		 "Gives FILE to the members of the group, in pieces of 64 KiB under a manifest of "
		 "their SHA-256 hashes,\n"
		 "until it is stopped. Prints the hash of the manifest: it names the file.\n"
		 "\n"
		 "  --number N                  which of the group's files it is (default 0)\n"
		 "  --for SECONDS               and then end (default: never)\n"
		 "  --progress lines            one key=value line a second on standard error"
		 "\n" TALK_USAGE},
	[PEER_CMD_FETCH] =
		{"fetch",
		 "usage: annulus-peer fetch --server HOST[:PORT][/APP] --group SPEC OUT\n"
		 "\n"
		 "Gets the group's file from whoever has it or a part of it, and gives others what "
		 "is there already.\n"
		 "Each piece is verified. OUT.part and OUT.state are there until it is whole: "
		 "after "
		 "a kill the same\n"
		 "command goes on with what was there, verified once more.\n"
		 "\n"
		 "  --number N                  which of the group's files (default 0)\n"
		 "  --root HASH                 what `share` printed; default: what the first "
		 "member says\n"
		 "  --in-order                  from the beginning on (default: what the fewest "
		 "have first)\n"
		 "  --for SECONDS               give it to others afterwards (default 0)\n"
		 "  --progress lines            one key=value line a second on standard error"
		 "\n" TALK_USAGE},
};

const char *peer_command_name(enum peer_command c)
{
	return commands[c].name;
}

void peer_usage(enum peer_command c, bool to_stderr)
{
	fputs(commands[c].usage, to_stderr ? stderr : stdout);
}