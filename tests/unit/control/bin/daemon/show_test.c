// Every annulusctl command over a node that has a group and nobody in it.
#include "control/bin/daemon/show.h"

#include "control/admin/metrics.h"
#include "control/admin/table.h"
#include "control/bin/daemon/daemon.h"
#include "control/bin/daemon/groupspec_hook.h"
#include "crypto/random.h"
#include "tests/support/test.h"
#include "tests/unit/control/bin/daemon/fake_backend.h"

static const char text[] = "backend: udp\n"
			   "limits: {sessions: 16, members_per_group: 8, neighbours_per_group: 8}\n"
			   "groups:\n"
			   "- name: news\n"
			   "  spec: \"G:027f020101010c060e7363656e6500\"\n"
			   "  members: 8\n";

struct world {
	struct fake_backend backend;
	struct daemon d;
	const char *args; // of the next command
};

static int build(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	char why[WHY_MAX] = "";

	assert_non_null(w);
	assert_int_equal(config_load_text("a.yaml", text, strlen(text), &groupspec_hooks, stderr,
					  &w->d.config),
			 0);
	w->backend.base.kind = &fake_kind;
	w->d.backend = &w->backend.base;
	w->d.random = random_system();
	assert_int_equal(identity_generate(&w->d.identity, IDENTITY_APPLIANCE, &w->d.random), 0);
	w->d.engine = settings_engine(w->d.config);
	assert_int_equal(rings_init(&w->d.rings, 1, 0), 0);
	if (daemon_node(&w->d, why) != 0 || daemon_groups(&w->d, why) != 0)
		fail_msg("%s", why);
	*state = w;
	return 0;
}

static int destroy(void **state)
{
	struct world *w = *state;
	const struct config *cfg = w->d.config;

	w->d.backend = NULL; // nothing to stop
	daemon_close(&w->d);
	config_destroy(cfg);
	free(w);
	return 0;
}

// What annulusctl would print; *json: what it got.
static char *ask(struct world *w, admin_fn fn, char **json)
{
	struct json_out j;
	char *reply, *out;
	size_t len, out_len;
	FILE *f;

	json_init(&j, ADMIN_REPLY_MAX);
	assert_int_equal(fn(&w->d, w->args != NULL ? w->args : "", &j), 0);
	assert_int_equal(json_finish(&j), 0);
	*json = strdup(j.text);
	f = open_memstream(&reply, &len);
	assert_non_null(f);
	fprintf(f, "{\"ok\":true,\"result\":%s}", j.text);
	fclose(f);
	json_destroy(&j);
	f = open_memstream(&out, &out_len);
	assert_non_null(f);
	assert_int_equal(table_print_reply(f, stderr, reply, len), 0); // it is JSON, then
	fclose(f);
	free(reply);
	return out;
}

static void shows(struct world *w, admin_fn fn, const char *const *wanted)
{
	char *json, *out = ask(w, fn, &json);

	for (; *wanted != NULL; wanted++)
		if (strstr(json, *wanted) == NULL)
			fail_msg("no %s in %s", *wanted, json);
	free(out);
	free(json);
}

static void status_tells_who_we_are_and_how(void **state)
{
	struct world *w = *state;
	char id[2 * FINGERPRINT_LEN + 1];

	w->backend.sum.rx_packets = 4711;
	for (unsigned i = 0; i < FINGERPRINT_LEN; i++)
		snprintf(id + 2 * i, 3, "%02x", w->d.identity.member.fingerprint[i]);
	shows(w, show_status,
	      (const char *const[]){"\"version\":\"", "\"member_peer_id\":\"", id,
				    "\"rx_packets\":4711",
				    "\"memory_bytes\":", "\"address\":\"192.0.2.1:1935\"",
				    "\"address\":\"192.0.2.1:1936\"", "\"neighbours\":0",
				    "\"opened_in\":0", NULL});
}

static void nobody_is_an_empty_list(void **state)
{
	struct world *w = *state;
	char *json, *out = ask(w, show_peers, &json);

	assert_string_equal(json, "[]");
	free(out);
	free(json);
	out = ask(w, show_streams, &json);
	assert_string_equal(json, "[]");
	free(out);
	free(json);
}

// Every figure of netgroup-semantics 4.3 and 8.4 has its line.
static void metrics_are_such_as_prometheus_reads(void **state)
{
	static const char *const wanted[] = {
		"annulus_group_posting_send_data_bytes_per_second{group=\"news\"} 0\n",
		"annulus_group_posting_send_control_bytes_per_second{",
		"annulus_group_posting_receive_data_bytes_per_second{",
		"annulus_group_posting_receive_control_bytes_per_second{",
		"annulus_group_routing_send_bytes_per_second{",
		"annulus_group_routing_receive_bytes_per_second{",
		"annulus_group_object_replication_send_bytes_per_second{",
		"annulus_group_object_replication_receive_bytes_per_second{",
		"annulus_group_members_estimated{group=\"news\"} 1\n",
		"# TYPE annulus_stream_send_data_bytes_per_second gauge\n",
		"# TYPE annulus_stream_send_control_bytes_per_second gauge\n",
		"# TYPE annulus_stream_receive_data_bytes_per_second gauge\n",
		"# TYPE annulus_stream_receive_control_bytes_per_second gauge\n",
		"# TYPE annulus_stream_send_control_to_server_bytes_per_second gauge\n",
		"# TYPE annulus_stream_receive_data_from_server_bytes_per_second gauge\n",
		"# TYPE annulus_stream_receive_data_from_ip_multicast_bytes_per_second gauge\n",
		"# TYPE annulus_stream_pushed_to_peers_bytes_total counter\n",
		"# TYPE annulus_stream_pushed_to_peers_fragments_total counter\n",
		"# TYPE annulus_stream_requested_by_peers_bytes_total counter\n",
		"# TYPE annulus_stream_requested_by_peers_fragments_total counter\n",
		"# TYPE annulus_stream_pushed_from_peers_bytes_total counter\n",
		"# TYPE annulus_stream_pushed_from_peers_fragments_total counter\n",
		"# TYPE annulus_stream_requested_from_peers_bytes_total counter\n",
		"# TYPE annulus_stream_requested_from_peers_fragments_total counter\n",
		"# TYPE annulus_stream_received_from_server_bytes_total counter\n",
		"# TYPE annulus_stream_received_from_server_fragments_total counter\n",
		"# TYPE annulus_stream_received_from_ip_multicast_bytes_total counter\n",
		"# TYPE annulus_stream_received_from_ip_multicast_fragments_total counter\n",
		"# TYPE annulus_stream_pushed_to_ip_multicast_bytes_total counter\n",
		"# TYPE annulus_stream_pushed_to_ip_multicast_fragments_total counter\n",
	};
	char *json, *table = ask(*state, show_metrics, &json), *reply, *lines;
	size_t len, lines_len;
	FILE *f = open_memstream(&reply, &len);

	assert_non_null(f);
	fprintf(f, "{\"ok\":true,\"result\":%s}", json);
	fclose(f);
	f = open_memstream(&lines, &lines_len);
	assert_non_null(f);
	assert_int_equal(metrics_print_reply(f, stderr, reply, len), 0);
	fclose(f);
	for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
		if (strstr(lines, wanted[i]) == NULL)
			fail_msg("no %s in %s", wanted[i], lines);
	free(lines);
	free(reply);
	free(table);
	free(json);
}

static void a_configured_group_has_the_operators_name(void **state)
{
	shows(*state, show_groups,
	      (const char *const[]){"\"name\":\"news\"", "\"is_member\":true", "\"clients\":0",
				    "\"posts\":0", "\"posts_held\":0", "\"post_rx_bytes\":0",
				    "\"route_tx_bytes\":0", NULL});
}

// By its name in the file or its ID, and no other.
static void one_group_is_shown_by_name_or_id(void **state)
{
	static const char *const group[] = {"\"name\":\"news\"",
					    "\"neighbours\":0",
					    "\"members_estimated\":1",
					    "\"posting_send_data\":0",
					    "\"posting_send_control\":0",
					    "\"posting_receive_data\":0",
					    "\"posting_receive_control\":0",
					    "\"routing_send\":0",
					    "\"routing_receive\":0",
					    "\"object_replication_send\":0",
					    "\"object_replication_receive\":0",
					    NULL};
	static const char *const ring[] = {"\"name\":\"news\"", "\"peer_id\":\"",
					   "\"coverage\":null", "\"members\":[]", NULL};
	struct world *w = *state;
	char id[2 * GROUP_ID_LEN + 1];
	struct json_out j;

	for (int i = 0; i < GROUP_ID_LEN; i++)
		snprintf(id + 2 * i, 3, "%02x", w->d.config->groups[0].id[i]);
	for (int by_id = 0; by_id < 2; by_id++) {
		w->args = by_id ? id : "news";
		shows(w, show_group, group);
		shows(w, show_ring, ring);
	}
	json_init(&j, ADMIN_REPLY_MAX);
	assert_int_equal(show_ring(&w->d, "new", &j), -ENOENT);
	assert_int_equal(show_group(&w->d, "", &j), -ENOENT);
	json_destroy(&j);
}

static void every_reason_to_drop_is_listed_also_at_zero(void **state)
{
	static const char *const names[] = {
#define X(id, name, help) "\"name\":\"" name "\"",
		DROP_REASONS(X)
#undef X
	};
	struct world *w = *state;
	char *json, *out;

	w->backend.sum.drops[DROP_AUTH] = 12;
	out = ask(w, show_drops, &json);
	for (unsigned i = DROP_NONE + 1; i < ARRAY_LEN(names); i++)
		assert_row(strstr(json, names[i]) != NULL, names[i]);
	assert_null(strstr(json, names[DROP_NONE]));
	assert_non_null(strstr(json, "\"name\":\"auth\",\"count\":12,\"help\":"));
	assert_non_null(strstr(json, "\"name\":\"keyings_dropped\",\"count\":0"));
	assert_non_null(strstr(json, "\"name\":\"proofs_wrong\",\"count\":0"));
	assert_non_null(strstr(json, "\"name\":\"posts_false\",\"count\":0"));
	assert_non_null(strstr(json, "\"name\":\"lan_doubted\",\"count\":0"));
	free(out);
	free(json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, build, destroy)
		T(status_tells_who_we_are_and_how),
		T(nobody_is_an_empty_list),
		T(metrics_are_such_as_prometheus_reads),
		T(a_configured_group_has_the_operators_name),
		T(one_group_is_shown_by_name_or_id),
		T(every_reason_to_drop_is_listed_also_at_zero),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
