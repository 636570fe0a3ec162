// What can be said to a talking member, by its command line or its standard input.
#include <stdio.h>
#include <string.h>

#include "control/bin/peer/talk.h"
#include "control/peer_id.h"
#include "control/rpc/amf.h"

// A string as AMF3 has it. 0: it does not fit.
static uint32_t amf_string(uint8_t *to, uint32_t max, const char *text, uint32_t len)
{
	static struct amf_doc doc;
	const struct amf_node node = {.type = AMF_STRING, .text = {(const uint8_t *)text, len}};
	struct wr w = wr_over(to, max);

	amf3_wr_node(&w, &doc, &node);
	return w.err == 0 ? (uint32_t)w.len : 0;
}

enum talk_result talk_post(struct talk *t, const char *text, uint32_t len, uint64_t now_us)
{
	static uint8_t message[POST_LEN_MAX];
	uint32_t message_len = amf_string(message, sizeof(message), text, len);
	enum talk_result result = TALK_ERROR;
	uint8_t id[POST_ID_LEN];
	int err;

	err = node_post(t->group, message, message_len, id, now_us);
	if (err == -EACCES)
		peer_error("cannot post: the groupspec has no posting authorization");
	else if (err == -EOPNOTSUPP)
		peer_error("cannot post: the groupspec has no posting");
	else if (err == -EMSGSIZE)
		peer_error("cannot post: more than %u octets", POST_LEN_MAX);
	if (err == -EAGAIN)
		return TALK_LATER;
	if (err == 0)
		result = TALK_SENT;
	talk_say_result(t, "post", result, id);
	return result;
}

static enum talk_result result_of(enum group_send_result r)
{
	return r == GROUP_SENT ? TALK_SENT : r == GROUP_NO_ROUTE ? TALK_NO_ROUTE : TALK_ERROR;
}

// The next word; NULL: there is none. rest: what follows it.
static char *word(char **rest)
{
	char *start = *rest + strspn(*rest, " \t");
	size_t len = strcspn(start, " \t");

	if (len == 0)
		return NULL;
	*rest = start + len;
	if (**rest != '\0') {
		**rest = '\0';
		(*rest)++;
	}
	return start;
}

// 64 hex digits, or peer: and as many: a member's place.
static const char *address_of(const char *text, char out[PEER_ID_DIGITS + 1])
{
	uint8_t id[32], address[32];

	if (text == NULL || strncmp(text, "peer:", 5) != 0 || peer_id_parse(id, text + 5) != 0)
		return text;
	group_address_of(id, address);
	for (int i = 0; i < 32; i++)
		snprintf(out + 2 * i, 3, "%02x", address[i]);
	return out;
}

static enum talk_result do_nearest(struct talk *t, bool is_far, char *rest, uint64_t now_us)
{
	static uint8_t message[ROUTE_LEN_MAX];
	char hex[PEER_ID_DIGITS + 1];
	uint8_t place[PEER_ID_LEN];
	const char *address = address_of(word(&rest), hex);
	uint32_t len = amf_string(message, sizeof(message), rest, (uint32_t)strlen(rest));

	if (address == NULL || peer_id_parse(place, address) != 0) {
		peer_error("an address is 64 hex digits, or peer: and a peer ID");
		return TALK_ERROR;
	}
	return result_of(is_far ? node_send_far(t->group, address, message, len, now_us)
				: node_send_to_nearest(t->group, address, message, len, now_us));
}

static enum talk_result do_neighbor(struct talk *t, char *rest, uint64_t now_us)
{
	static uint8_t message[ROUTE_LEN_MAX];
	const char *where = word(&rest);
	uint32_t len = amf_string(message, sizeof(message), rest, (uint32_t)strlen(rest));
	bool is_up = where != NULL && strcmp(where, "increasing") == 0;

	if (!is_up && (where == NULL || strcmp(where, "decreasing") != 0))
		return TALK_ERROR;
	return result_of(node_send_to_neighbour(t->group, is_up, message, len, now_us));
}

static enum talk_result do_all(struct talk *t, const char *text, uint64_t now_us)
{
	static uint8_t message[ROUTE_LEN_MAX];
	uint32_t len = amf_string(message, sizeof(message), text, (uint32_t)strlen(text));

	return result_of(node_send_to_all_neighbours(t->group, message, len, now_us));
}

static enum talk_result do_mode(struct talk *t, char *rest, uint64_t now_us)
{
	const char *mode = word(&rest);
	bool is_nearest = mode != NULL && strcmp(mode, "nearest") == 0;

	if (!is_nearest && (mode == NULL || strcmp(mode, "exact") != 0))
		return TALK_ERROR;
	node_set_receive_mode(t->group, is_nearest, now_us);
	return TALK_SENT;
}

// NG-9: somebody who is a member, too. Whether he is met is another matter.
static enum talk_result do_member(struct talk *t, bool is_call, char *rest, uint64_t now_us)
{
	const char *id = word(&rest);

	if (id == NULL || *rest != '\0')
		return TALK_ERROR;
	if (is_call ? node_add_neighbour(t->group, id, now_us)
		    : node_add_member_hint(t->group, id, now_us))
		return TALK_ACCEPTED;
	return TALK_ERROR;
}

enum talk_result talk_do(struct talk *t, char *words, bool is_trial, uint64_t now_us)
{
	char *verb = word(&words);
	enum talk_result result = TALK_ERROR;

	if (verb == NULL)
		return TALK_SENT;
	if (strcmp(verb, "post") == 0) {
		result = talk_post(t, words, (uint32_t)strlen(words), now_us);
		if (result == TALK_LATER)
			talk_say_result(t, verb, result, NULL);
		return result;
	}
	if (strcmp(verb, "members") == 0) {
		talk_say_members(t);
		return TALK_SENT;
	}
	if (strcmp(verb, "coverage") == 0) {
		talk_say_coverage(t);
		return TALK_SENT;
	}
	if (strcmp(verb, "quit") == 0) {
		t->is_over = true;
		return TALK_SENT;
	}
	if (strcmp(verb, "nearest") == 0 || strcmp(verb, "far") == 0)
		result = do_nearest(t, verb[0] == 'f', words, now_us);
	else if (strcmp(verb, "neighbor") == 0)
		result = do_neighbor(t, words, now_us);
	else if (strcmp(verb, "all") == 0)
		result = do_all(t, words, now_us);
	else if (strcmp(verb, "hint") == 0 || strcmp(verb, "call") == 0)
		result = do_member(t, verb[0] == 'c', words, now_us);
	else if (strcmp(verb, "mode") == 0)
		result = do_mode(t, words, now_us);
	else
		peer_error("'%s' is no command", verb);
	if (!is_trial || result != TALK_NO_ROUTE)
		talk_say_result(t, verb, result, NULL);
	return result;
}
