// A program of its own that is a member of a group: posts what is typed, prints what others post.
//
//	cc talk.c $(pkg-config --cflags --libs annulus) -o talk
//	./talk server.example G:0101... < lines
//
// The group must allow posting (annulus-peer groupspec --name N --posting).
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "control/group/groupspec.h"
#include "control/member/clock.h"
#include "control/member/member_loop.h"
#include "control/member/ordinary.h"
#include "control/rpc/amf.h"
#include "crypto/identity.h"

#define LINE_MAX_LEN 1000
#define LATER_US     200000
#define LINGER_US    1000000

struct talk {
	struct member_shared shared; // ciphers and random octets, for all members of a thread
	struct identity id;          // who we are; identity_save would keep it
	struct groupspec spec;
	struct server_name server;
	struct member_loop *loop;
	struct member *member;
	struct node_group *group;
	bool is_over;
};

// Messages are octets; programs of Flash's kind expect an AMF3 value. 0: it does not fit.
static uint32_t to_amf(const char *text, uint8_t *out, uint32_t max)
{
	static const struct amf_doc nothing; // what the node's references would lie in
	struct amf_node node = {.type = AMF_STRING,
				.text = {(const uint8_t *)text, (uint32_t)strlen(text)}};
	struct wr w = wr_over(out, max);

	amf3_wr_node(&w, &nothing, &node);
	return w.err == 0 ? (uint32_t)w.len : 0;
}

static void print_posting(const uint8_t *data, uint32_t len)
{
	static struct amf_doc doc;
	char text[LINE_MAX_LEN];

	if (amf3_read(&doc, (struct span){data, len}) == 0 && doc.n > 0)
		printf("%s\n", amf_text(&doc.nodes[0], text, sizeof(text)));
	fflush(stdout);
}

// Called after each turn of the member: what has happened?
static void after_turn(void *ctx, struct member *m)
{
	struct talk *t = ctx;
	struct node_event e;

	while (node_event(member_node(m), &e, clock_us())) {
		if (e.kind == NODE_CONNECT_FAILED) {
			fprintf(stderr, "talk: not connected: %s\n", e.text);
			t->is_over = true;
		}
		if (e.kind == NODE_NEIGHBOUR_CONNECT)
			fprintf(stderr, "talk: met a neighbour\n");
		if (e.kind == NODE_POSTING)
			print_posting(e.data, e.len);
	}
}

static void run_for(struct talk *t, uint64_t us)
{
	uint64_t until = clock_us() + us;

	while (!t->is_over && clock_us() < until)
		member_loop_once(t->loop, until, after_turn, t);
}

// Until it is taken: there is a limit to how fast one may post, and nobody may be there yet.
static void post(struct talk *t, const char *line)
{
	uint8_t message[LINE_MAX_LEN + 8], id[POST_ID_LEN];
	uint32_t len = to_amf(line, message, sizeof(message));
	int err = node_post(t->group, message, len, id, clock_us());

	while (err == -EAGAIN && !t->is_over) {
		run_for(t, LATER_US);
		err = node_post(t->group, message, len, id, clock_us());
	}
	if (err < 0)
		fprintf(stderr, "talk: not posted: %s\n", strerror(-err));
}

static void line_is_there(void *ctx)
{
	struct talk *t = ctx;
	char line[LINE_MAX_LEN];

	if (fgets(line, sizeof(line), stdin) == NULL) {
		member_loop_unwatch(t->loop);
		run_for(t, LINGER_US); // for what is on its way
		t->is_over = true;
		return;
	}
	line[strcspn(line, "\n")] = '\0';
	if (line[0] != '\0')
		post(t, line);
}

static int begin(struct talk *t, const char *server, const char *group, char *why, uint32_t why_max)
{
	struct ordinary_opts o = {.identity = &t->id, .servers = &t->server, .n_servers = 1};
	const char *text;
	uint32_t at;
	int err;

	if (groupspec_parse(&t->spec, group, &text, &at) < 0) {
		snprintf(why, why_max, "groupspec, character %u: %s", at + 1, text);
		return -EINVAL;
	}
	err = server_name_resolve(&t->server, server, why, why_max);
	if (err == 0)
		err = member_shared_init(&t->shared);
	if (err == 0)
		err = identity_generate(&t->id, IDENTITY_PEER, &t->shared.random);
	if (err < 0)
		return err;
	t->loop = member_loop_create();
	t->member = ordinary_member_create(&t->shared, &o, why, why_max);
	if (t->loop == NULL || t->member == NULL)
		return -ENOMEM;
	err = member_loop_add(t->loop, t->member);
	if (err == 0)
		err = ordinary_member_connect(t->member, &t->server, 1, &at, clock_us());
	if (err == 0)
		t->group = node_join(member_node(t->member), &t->spec, NULL, &err, clock_us());
	return err;
}

static void end(struct talk *t)
{
	node_close(member_node(t->member), clock_us()); // says goodbye to all
	while (!node_is_closed(member_node(t->member)))
		member_loop_once(t->loop, clock_us() + LATER_US, NULL, NULL);
	member_loop_remove(t->loop, t->member);
	member_destroy(t->member);
	member_loop_destroy(t->loop);
	member_shared_fini(&t->shared);
}

int main(int argc, char **argv)
{
	static struct talk t;
	char why[400] = "";
	int err;

	if (argc != 3) {
		fprintf(stderr, "usage: talk SERVER GROUPSPEC\n");
		return 1;
	}
	err = begin(&t, argv[1], argv[2], why, sizeof(why));
	if (err < 0) {
		fprintf(stderr, "talk: %s\n", why[0] != '\0' ? why : strerror(-err));
		return 1;
	}
	setvbuf(stdin, NULL, _IONBF, 0); // a line that lies in a buffer wakes nobody
	if (member_loop_watch(t.loop, STDIN_FILENO, line_is_there, &t) < 0)
		return 1;
	while (!t.is_over)
		member_loop_once(t.loop, clock_us() + LATER_US, after_turn, &t);
	end(&t);
	return 0;
}
