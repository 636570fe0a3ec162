// The relay end to end: a publisher, a super-peer and its players over links that lose and are
// slow.
#include "tests/unit/core/relay_mesh.h"

#define PUBLISHER    0
#define SUPER        1
#define PLAYER       2 // the first
#define PLAYER_FLAGS (STREAM_TAP | STREAM_HOME)
#define SUPER_FLAGS  (STREAM_PUSH_ALL | STREAM_HOME)

static void room_for_all(struct engine_opts *o)
{
	o->sessions_max = 128;
}

// publisher - super-peer - n players
static struct mesh *star(uint32_t n_players, uint32_t loss_permille)
{
	struct mesh *m = mesh_create(&(struct loop_opts){.seed = 7,
							 .n_nodes = 2 + n_players,
							 .delay_us = 10000,
							 .tune = room_for_all,
							 .loss_permille = loss_permille});

	mesh_stream(m, PUBLISHER, STREAM_PUBLISHER, 2500);
	mesh_stream(m, SUPER, SUPER_FLAGS, 250);
	for (uint32_t i = 0; i < n_players; i++)
		mesh_stream(m, PLAYER + i, PLAYER_FLAGS, 2500);
	mesh_link(m, PUBLISHER, SUPER, LINK_IS_SUPER, 0);
	return m;
}

static struct loop_pair join(struct mesh *m, uint32_t player)
{
	return mesh_link(m, SUPER, player, 0, LINK_IS_SUPER);
}

static void every_player_gets_everything(uint32_t n_players, uint32_t loss_permille, uint32_t n)
{
	struct mesh *m = star(n_players, loss_permille);

	for (uint32_t i = 0; i < n_players; i++)
		join(m, PLAYER + i);
	mesh_run_us(m, 200000);
	mesh_publish(m, n, 5000);
	mesh_run_us(m, 6000000);
	for (uint32_t i = 0; i < n_players; i++)
		mesh_assert_whole(m, PLAYER + i, 1, n);
	mesh_destroy(m);
}

static void eight_players_get_everything(void **state)
{
	every_player_gets_everything(8, 0, 600);
}

static void sixty_four_players_get_everything(void **state)
{
	every_player_gets_everything(64, 0, 200);
}

static void what_is_lost_comes_again_in_time(void **state)
{
	every_player_gets_everything(8, 50, 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(eight_players_get_everything),
		cmocka_unit_test(sixty_four_players_get_everything),
		cmocka_unit_test(what_is_lost_comes_again_in_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
