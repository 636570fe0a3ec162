// The command line of annulus-peer.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control/group/group.h"
#include "crypto/keying.h"
#include "dataplane/wire/address.h"

// Exit codes; the README lists them too.
enum peer_exit {
	PEER_OK = 0,
	PEER_USAGE = 1,    // command line, configuration or input file
	PEER_CONNECT = 2,  // could not connect or join
	PEER_HOLES = 3,    // pieces of the stream never came; they are listed. Or interrupted
	PEER_NO_ROUTE = 3, // nobody took the message
	PEER_VANISHED = 4, // the source went silent for twice the window, or nobody gives any more
};

enum peer_command {
	PEER_CMD_NONE,
	PEER_CMD_PUBLISH,
	PEER_CMD_PLAY,
	PEER_CMD_SWARM,
	PEER_CMD_GROUPSPEC,
	PEER_CMD_INFO,
	PEER_CMD_COMPARE,
	PEER_CMD_POST,
	PEER_CMD_LISTEN,
	PEER_CMD_ROUTE,
	PEER_CMD_MEMBERS,
	PEER_CMD_COVERAGE,
	PEER_CMD_SHARE,
	PEER_CMD_FETCH,
	PEER_CMDS,
};

#define PEER_SERVERS_MAX   8
#define PEER_BOOTSTRAP_MAX 16

struct peer_args {
	enum peer_command command;
	const char *servers[PEER_SERVERS_MAX];
	uint32_t n_servers;
	const char *identity; // file, or NULL: a new identity
	const char *group;    // groupspec text, or file:PATH; NULL: through the server
	const char *name;     // stream, or the group's name for `groupspec`
	const char *file;   // FLV or a shared file, in or out, "-": a pipe; host for `info`; played
			    // file for `compare`
	const char *source; // compare
	struct wire_addr bind;       // family 0: any, of the family that the servers want
	struct keying_policy policy; // what we want of sessions
	uint32_t dh_group;           // of a new identity's key: 2 or 14
	uint64_t uplink_bits;        // a second, of each member; 0: not told
	uint32_t wait_s;             // for the first neighbour; 0: for ever
	// publish: the stream's; play: our own for it. 0: as it comes
	struct group_stream_params params, preset;
	bool is_quiet, wants_lines, wants_help;

	// direct streams: publish --direct, play --peer
	bool is_direct;
	const char *peer_text; // of peer, NULL: not given
	uint8_t peer[32];
	uint32_t peers_max;
	bool drops_audio, drops_video, drops_data; // when they are late

	uint32_t members; // swarm
	uint32_t join_per_s;
	const char *verify, *out_dir;

	// groupspec
	const char *explain;
	bool multicast, posting, routing, replication, unique, no_server_channel, v1;
	const char *publish_password, *posting_password;
	const char *bootstrap[PEER_BOOTSTRAP_MAX];
	uint32_t n_bootstrap;
	struct groupspec_place places[GROUPSPEC_PLACES_MAX];
	uint8_t n_places;
	bool no_peers;
	uint32_t multicast_ttl; // publish

	// post, listen, route, members, coverage; is_json: publish and play, too
	bool is_json, is_nearest;
	uint32_t for_s;
	bool has_for;
	char *const *words; // of post and route
	uint32_t n_words;

	// share, fetch
	bool is_in_order, has_root;
	uint32_t file_number; // share, fetch
	uint8_t root[32];

	// compare
	bool is_late, did_not_end, is_apart;
	uint32_t joined_ms, late_max_ms;
};

// A number of an option. 0, or an exit code after one line on stderr.
int peer_args_number(const char *option, const char *text, uint32_t min, uint32_t max,
		     uint32_t *out);

// 0, or an exit code after one line on stderr that names what is wrong.
int peer_args_parse(struct peer_args *, int argc, char **argv);
void peer_usage(enum peer_command, bool to_stderr);
const char *peer_command_name(enum peer_command); // NULL: PEER_CMD_NONE's
