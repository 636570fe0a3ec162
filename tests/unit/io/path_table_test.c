#include "dataplane/io/path_table.h"

#include <errno.h>

#include "tests/support/test.h"
#include "tests/unit/io/hosts.h"

struct world {
	struct host host;
	struct path_table t;
	struct path path;
	uint32_t now_ms;
};

static void turn(struct world *w, uint32_t ms)
{
	w->now_ms += ms;
	path_table_turn(&w->t, w->now_ms);
}

static void learn(struct world *w, const struct mac *mac)
{
	neighbours_learn(w->host.links[0].neighbours, PEER_IP, mac, false, w->now_ms);
}

static void world_create(struct world *w)
{
	struct host_way way;

	memset(w, 0, sizeof(*w));
	w->host = host_simple();
	w->path = (struct path){.port = PEER_PORT, .family = 4, .gen = 1};
	be32_put(w->path.addr, PEER_IP);
	assert_int_equal(path_table_init(&w->t, &w->host, 100), 0);
	turn(w, 1000);
	assert_int_equal(path_table_make(&w->t, 7, &w->path, &way), -EINPROGRESS);
	assert_null(path_table_row(&w->t, 7, &w->path));
	learn(w, &peer_mac);
	assert_int_equal(path_table_make(&w->t, 7, &w->path, &way), 0);
	assert_non_null(path_table_row(&w->t, 7, &w->path));
}

static void world_destroy(struct world *w)
{
	path_table_fini(&w->t);
	host_end(&w->host);
}

static void a_row_stays_while_nothing_changes(void **state)
{
	struct world w;
	const struct path_row *row;

	world_create(&w);
	turn(&w, PATH_FRESH_MS - 1);
	row = path_table_row(&w.t, 7, &w.path);
	assert_non_null(row);
	assert_memory_equal(row->header, &peer_mac, MAC_LEN);
	assert_int_equal(row->link, 0);
	assert_null(path_table_row(&w.t, 8, &w.path)); // another one's
	world_destroy(&w);
}

static void a_row_ends_with_the_address_it_was_made_from(void **state)
{
	struct world w;

	world_create(&w);
	w.path.gen++;
	assert_null(path_table_row(&w.t, 7, &w.path));
	world_destroy(&w);
}

static void a_row_ends_when_a_neighbour_changes(void **state)
{
	const struct mac other = {{0x02, 9, 9, 9, 9, 9}};
	const struct path_row *row;
	struct host_way way;
	struct world w;

	world_create(&w);
	turn(&w, 2000);
	learn(&w, &other);
	turn(&w, 0);
	assert_null(path_table_row(&w.t, 7, &w.path));
	assert_int_equal(path_table_make(&w.t, 7, &w.path, &way), 0);
	row = path_table_row(&w.t, 7, &w.path);
	assert_memory_equal(row->header, &other, MAC_LEN);
	world_destroy(&w);
}

static void a_row_is_made_again_so_that_the_neighbour_stays_in_use(void **state)
{
	struct world w;

	world_create(&w);
	turn(&w, PATH_FRESH_MS);
	assert_null(path_table_row(&w.t, 7, &w.path));
	world_destroy(&w);
}

static void ipv6_has_no_way_yet(void **state)
{
	struct host_way way;
	struct world w;

	world_create(&w);
	w.path.family = 6;
	assert_int_equal(path_table_make(&w.t, 7, &w.path, &way), -EHOSTUNREACH);
	assert_null(path_table_row(&w.t, 7, &w.path));
	world_destroy(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_row_stays_while_nothing_changes),
		cmocka_unit_test(a_row_ends_with_the_address_it_was_made_from),
		cmocka_unit_test(a_row_ends_when_a_neighbour_changes),
		cmocka_unit_test(a_row_is_made_again_so_that_the_neighbour_stays_in_use),
		cmocka_unit_test(ipv6_has_no_way_yet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
