// A program that reads annulus-peer's lines sees every event under the name the player's API has
// for it.
#include <unistd.h>

#include "control/bin/peer/event_json.h"
#include "tests/support/test.h"

#define HEX_32 "0700000000000000000000000000000000000000000000000000000000000000"

bool node_coverage(const struct node_group *g, struct group_coverage *c)
{
	*c = (struct group_coverage){.from = {7}, .to = {7}, .is_nearest = true, .is_whole = true};
	return g != NULL;
}

static const struct {
	struct node_event event;
	const char *line;
} rows[] = {
	{{.kind = NODE_CONNECTED, .text = "NetConnection.Connect.Success"},
	 "{\"code\":\"NetConnection.Connect.Success\"}\n"},
	{{.kind = NODE_CONNECT_FAILED, .text = "nobody answered"},
	 "{\"code\":\"NetConnection.Connect.Failed\",\"why\":\"nobody answered\"}\n"},
	{{.kind = NODE_CONNECT_UNANSWERED, .text = "it answers hellos, but not our keys"},
	 "{\"code\":\"NetConnection.Connect.Unanswered\","
	 "\"why\":\"it answers hellos, but not our keys\"}\n"},
	{{.kind = NODE_CONNECT_FAILED, .text = "NetConnection.Connect.InvalidApp"},
	 "{\"code\":\"NetConnection.Connect.InvalidApp\",\"why\":\"NetConnection.Connect."
	 "InvalidApp\"}\n"},
	{{.kind = NODE_DISCONNECTED, .text = "the session was lost"},
	 "{\"code\":\"NetConnection.Connect.Closed\",\"why\":\"the session was lost\"}\n"},
	{{.kind = NODE_GROUP_REJECTED, .text = "no"},
	 "{\"code\":\"NetGroup.Connect.Rejected\",\"why\":\"no\"}\n"},
	{{.kind = NODE_POSTING, .id = {7}, .data = (const uint8_t *)"\x06\x05hi", .len = 4},
	 "{\"code\":\"NetGroup.Posting.Notify\",\"messageID\":\"" HEX_32
	 "\",\"message\":\"hi\"}\n"},
	{{.kind = NODE_POSTING, .id = {7}, .data = (const uint8_t *)"\x04\x01", .len = 2},
	 "{\"code\":\"NetGroup.Posting.Notify\",\"messageID\":\"" HEX_32
	 "\",\"messageHex\":\"0401\"}\n"},
	{{.kind = NODE_SEND_TO,
	  .from = {7},
	  .to = {7},
	  .is_from_local = true,
	  .data = (const uint8_t *)"\x06\x03x",
	  .len = 3},
	 "{\"code\":\"NetGroup.SendTo.Notify\",\"from\":\"" HEX_32
	 "\",\"fromLocal\":true,\"to\":\"" HEX_32 "\",\"far\":false,\"message\":\"x\"}\n"},
	{{.kind = NODE_SEND_TO,
	  .from = {7},
	  .to = {7},
	  .is_far = true,
	  .number = 3,
	  .data = (const uint8_t *)"\x06\x03x",
	  .len = 3},
	 "{\"code\":\"NetGroup.SendTo.Notify\",\"from\":\"" HEX_32
	 "\",\"fromLocal\":false,\"to\":\"" HEX_32
	 "\",\"far\":true,\"hops\":3,\"message\":\"x\"}\n"},
	{{.kind = NODE_STREAM_PUBLISHED, .text = "film"},
	 "{\"code\":\"NetGroup.MulticastStream.PublishNotify\",\"name\":\"film\"}\n"},
	{{.kind = NODE_STREAM_UNPUBLISHED, .text = "film"},
	 "{\"code\":\"NetGroup.MulticastStream.UnpublishNotify\",\"name\":\"film\"}\n"},
	{{.kind = NODE_FETCH_SEND, .peer = {7}, .number = 9},
	 "{\"code\":\"NetGroup.Replication.Fetch.SendNotify\",\"peerID\":\"" HEX_32
	 "\",\"index\":9}\n"},
	{{.kind = NODE_FETCH_FAILED, .peer = {7}, .number = 9},
	 "{\"code\":\"NetGroup.Replication.Fetch.Failed\",\"peerID\":\"" HEX_32
	 "\",\"index\":9}\n"},
	{{.kind = NODE_FETCH_RESULT, .peer = {7}, .number = 9, .len = 5},
	 "{\"code\":\"NetGroup.Replication.Fetch.Result\",\"peerID\":\"" HEX_32
	 "\",\"index\":9,\"bytes\":5}\n"},
	{{.kind = NODE_OBJECT_REQUEST, .peer = {7}, .number = 9, .request = 4},
	 "{\"code\":\"NetGroup.Replication.Request\",\"peerID\":\"" HEX_32
	 "\",\"index\":9,\"requestID\":4}\n"},
	{{.kind = NODE_PLAY_START}, "{\"code\":\"NetStream.Play.Start\",\"stream\":\"film\"}\n"},
	{{.kind = NODE_PLAY_MESSAGE}, ""},
	{{.kind = NODE_PLAY_GAP, .number = 3, .number_to = 5},
	 "{\"code\":\"NetStream.Play.Gap\",\"from\":3,\"to\":5}\n"},
	{{.kind = NODE_PLAY_END},
	 "{\"code\":\"NetStream.Play.UnpublishNotify\",\"stream\":\"film\"}\n"},
	{{.kind = NODE_PLAY_LOST}, "{\"code\":\"NetStream.Play.Stop\",\"stream\":\"film\"}\n"},
	{{.kind = NODE_PLAY_RESET},
	 "{\"code\":\"NetStream.MulticastStream.Reset\",\"stream\":\"film\"}\n"},
	{{.kind = NODE_PUBLISH_START},
	 "{\"code\":\"NetStream.Publish.Start\",\"stream\":\"film\"}\n"},
	{{.kind = NODE_PUBLISH_DONE},
	 "{\"code\":\"NetStream.Unpublish.Success\",\"stream\":\"film\"}\n"},
	{{.kind = NODE_PEER_CONNECT, .peer = {7}},
	 "{\"code\":\"NetStream.Connect.Success\",\"peerID\":\"" HEX_32 "\"}\n"},
	{{.kind = NODE_PEER_DISCONNECT, .peer = {7}},
	 "{\"code\":\"NetStream.Connect.Closed\",\"peerID\":\"" HEX_32 "\"}\n"},
	{{.kind = NODE_STREAM_FAILED, .text = "NetStream.Publish.BadName"},
	 "{\"code\":\"NetStream.Publish.BadName\",\"stream\":\"film\"}\n"},
};

// What is said goes to a file meanwhile.
static void said(const struct node_event *e, const struct node_group *group, char *line, size_t max)
{
	FILE *file = tmpfile();
	int out = dup(STDOUT_FILENO);
	size_t n;

	assert_non_null(file);
	fflush(stdout);
	dup2(fileno(file), STDOUT_FILENO);
	if (e != NULL)
		event_json(e, "film");
	else
		event_json_coverage(group);
	fflush(stdout);
	dup2(out, STDOUT_FILENO);
	close(out);
	rewind(file);
	n = fread(line, 1, max - 1, file);
	line[n] = '\0';
	fclose(file);
}

static void every_event_has_its_line(void **state)
{
	char line[1024];

	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		said(&rows[i].event, NULL, line, sizeof(line));
		assert_string_equal(line, rows[i].line);
	}
}

static void a_neighbour_has_an_address_on_the_ring(void **state)
{
	struct node_event e = {.kind = NODE_NEIGHBOUR_CONNECT, .peer = {7}};
	char line[1024];

	said(&e, NULL, line, sizeof(line));
	assert_non_null(strstr(line, "{\"code\":\"NetGroup.Neighbor.Connect\",\"neighbor\":\""));
	assert_non_null(strstr(line, "\",\"peerID\":\"" HEX_32 "\"}\n"));
	e.kind = NODE_NEIGHBOUR_DISCONNECT;
	said(&e, NULL, line, sizeof(line));
	assert_non_null(strstr(line, "{\"code\":\"NetGroup.Neighbor.Disconnect\","));
}

static void coverage_is_told_where_there_is_routing(void **state)
{
	char line[1024];

	said(NULL, NULL, line, sizeof(line));
	assert_string_equal(line, "");
	said(NULL, (const struct node_group *)line, line, sizeof(line));
	assert_string_equal(
		line, "{\"code\":\"NetGroup.LocalCoverage.Notify\",\"receiveMode\":\"nearest\","
		      "\"localCoverageFrom\":\"" HEX_32 "\",\"localCoverageTo\":\"" HEX_32
		      "\",\"settling\":false,\"whole\":true}\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_event_has_its_line),
		cmocka_unit_test(a_neighbour_has_an_address_on_the_ring),
		cmocka_unit_test(coverage_is_told_where_there_is_routing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
