// annulus-peer: an ordinary member of RTMFP groups, on any Linux machine.
#include "control/bin/peer/peer.h"

int main(int argc, char **argv)
{
	static int (*const commands[])(const struct peer_args *) = {
		[PEER_CMD_PUBLISH] = peer_publish, [PEER_CMD_PLAY] = peer_play,
		[PEER_CMD_SWARM] = peer_swarm,     [PEER_CMD_GROUPSPEC] = peer_groupspec,
		[PEER_CMD_INFO] = peer_info,       [PEER_CMD_COMPARE] = peer_compare,
		[PEER_CMD_POST] = peer_talk,       [PEER_CMD_LISTEN] = peer_talk,
		[PEER_CMD_ROUTE] = peer_talk,      [PEER_CMD_MEMBERS] = peer_talk,
		[PEER_CMD_COVERAGE] = peer_talk,   [PEER_CMD_SHARE] = peer_share,
		[PEER_CMD_FETCH] = peer_fetch,
	};
	struct peer_args args;
	int err = peer_args_parse(&args, argc, argv);

	if (err != 0)
		return err;
	if (args.wants_help || args.command == PEER_CMD_NONE) {
		peer_usage(args.command, false);
		return PEER_OK;
	}
	return commands[args.command](&args);
}
