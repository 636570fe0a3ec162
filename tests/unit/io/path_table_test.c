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
	struct ip_addr peer = ip_of(w->path.family, w->path.addr);

	neighbours_learn(w->host.links[0].neighbours, &peer, mac, SAID_BY_ARP, w->now_ms);
}

static void create(struct world *w, uint8_t family)
{
	struct ip_addr v6 = ip(PEER_IP6);
	struct host_way way;

	memset(w, 0, sizeof(*w));
	w->host = host_dual(ADDR_READY);
	w->path = (struct path){.port = PEER_PORT, .family = family, .gen = 1};
	be32_put(w->path.addr, PEER_IP);
	if (family == 6)
		memcpy(w->path.addr, &v6, IP_LEN);
	assert_int_equal(path_table_init(&w->t, &w->host, 100), 0);
	turn(w, 1000);
	assert_int_equal(path_table_make(&w->t, 7, &w->path, &way), -EINPROGRESS);
	assert_null(path_table_row(&w->t, 7, w->path.gen));
	learn(w, &peer_mac);
	assert_int_equal(path_table_make(&w->t, 7, &w->path, &way), 0);
	assert_non_null(path_table_row(&w->t, 7, w->path.gen));
}

static void world_create(struct world *w)
{
	create(w, 4);
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
	row = path_table_row(&w.t, 7, w.path.gen);
	assert_non_null(row);
	assert_int_equal(row->header_len, L2_LEN + IPV4_UDP_LEN);
	assert_false(row->is_v6);
	assert_memory_equal(row->tail + HOST_TAIL - row->header_len, &peer_mac, MAC_LEN);
	assert_int_equal(row->link, 0);
	assert_null(path_table_row(&w.t, 8, w.path.gen)); // another one's
	world_destroy(&w);
}

static void a_row_ends_with_the_address_it_was_made_from(void **state)
{
	struct world w;

	world_create(&w);
	w.path.gen++;
	assert_null(path_table_row(&w.t, 7, w.path.gen));
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
	assert_null(path_table_row(&w.t, 7, w.path.gen));
	assert_int_equal(path_table_make(&w.t, 7, &w.path, &way), 0);
	row = path_table_row(&w.t, 7, w.path.gen);
	assert_memory_equal(row->tail + HOST_TAIL - row->header_len, &other, MAC_LEN);
	world_destroy(&w);
}

static void a_row_is_made_again_so_that_the_neighbour_stays_in_use(void **state)
{
	struct world w;

	world_create(&w);
	turn(&w, PATH_FRESH_MS);
	assert_null(path_table_row(&w.t, 7, w.path.gen));
	world_destroy(&w);
}

static void a_row_ends_when_an_address_of_ours_changes(void **state)
{
	struct world w;

	world_create(&w);
	w.t.own_version++;
	turn(&w, 0);
	assert_null(path_table_row(&w.t, 7, w.path.gen));
	world_destroy(&w);
}

static void a_row_of_ipv6_has_its_front_elsewhere(void **state)
{
	const struct path_row *row;
	struct host_way way;
	struct world w;

	create(&w, 6);
	row = path_table_row(&w.t, 7, w.path.gen);
	assert_true(row->is_v6);
	assert_int_equal(row->header_len, L2_LEN + IPV6_UDP_LEN);
	assert_int_equal(path_table_make(&w.t, 7, &w.path, &way), 0);
	assert_memory_equal(w.t.fronts[7].octets, way.header, HOST_FRONT);
	assert_memory_equal(row->tail, way.header + HOST_FRONT, HOST_TAIL);
	world_destroy(&w);
}

// It keeps the address that its far end came to.
static void a_row_leaves_from_the_address_of_its_path(void **state)
{
	struct ip_addr second = ip("10.99.0.77");
	const struct path_row *row;
	struct host_way way;
	struct world w;

	world_create(&w);
	host_add(&w.host, &second, 24, ADDR_READY);
	w.path.local = w.host.n_addrs;
	w.path.gen++;
	assert_int_equal(path_table_make(&w.t, 7, &w.path, &way), 0);
	row = path_table_row(&w.t, 7, w.path.gen);
	assert_memory_equal(row->tail + HOST_TAIL - IPV4_UDP_LEN + 12, second.octets + IP_V4_AT, 4);
	world_destroy(&w);
}

// An address that only we write (ip.h) must not be taken from a peer.
static void ipv4_in_ipv6s_dress_has_no_way(void **state)
{
	struct ip_addr dressed = ip_of_v4(PEER_IP);
	struct host_way way;
	struct world w;

	create(&w, 6);
	memcpy(w.path.addr, &dressed, IP_LEN);
	assert_int_equal(path_table_make(&w.t, 7, &w.path, &way), -EHOSTUNREACH);
	assert_null(path_table_row(&w.t, 7, w.path.gen));
	world_destroy(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_row_stays_while_nothing_changes),
		cmocka_unit_test(a_row_ends_with_the_address_it_was_made_from),
		cmocka_unit_test(a_row_ends_when_a_neighbour_changes),
		cmocka_unit_test(a_row_is_made_again_so_that_the_neighbour_stays_in_use),
		cmocka_unit_test(a_row_ends_when_an_address_of_ours_changes),
		cmocka_unit_test(a_row_of_ipv6_has_its_front_elsewhere),
		cmocka_unit_test(a_row_leaves_from_the_address_of_its_path),
		cmocka_unit_test(ipv4_in_ipv6s_dress_has_no_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
