// Every recorded scenario against an engine of ours, once as each of its endpoints (replay.h).
//
// Not asked here, since it is other tests' or rooms': what control answers to hellos and keyings,
// that a far end's new address is followed (address_mobility: its proof is our engine's own), the
// TCR mark on what we send to others (time_critical), what NetConnections and NetStreams say
// (tc_netconnection: flows and messages only).
#include "tests/vectors/replay.h"

#define DELAY_US 20000 // of the simulator that recorded them, each way

static const struct replay_row rows[] = {
	{.name = "abandon_fsn", .delay_us = DELAY_US},
	{.name = "abrupt_close", .delay_us = DELAY_US},
	{.name = "address_mobility", .delay_us = DELAY_US, .moves = true},
	{.name = "basic_checksum", .delay_us = DELAY_US},
	{.name = "both_ephemeral", .delay_us = DELAY_US},
	{.name = "both_static", .delay_us = DELAY_US},
	{.name = "cookie_change", .delay_us = DELAY_US + 300}, // through a NAT
	{.name = "flow_reject",
	 .delay_us = DELAY_US,
	 .refuses = "72656a6563742d6175746f",
	 .writes = {2, UINT64_MAX}},
	{.name = "glare", .delay_us = DELAY_US},
	{.name = "group16", .delay_us = DELAY_US},
	{.name = "group2", .delay_us = DELAY_US},
	{.name = "hmac_only", .delay_us = DELAY_US},
	{.name = "hmac_sseq_loss", .delay_us = DELAY_US, .late = {22, 3500}}, // as its ack shows
	{.name = "keepalive_idle", .delay_us = DELAY_US},
	{.name = "live_loopback", .has_no_events = true},
	{.name = "p2p_implied_redirect", .delay_us = DELAY_US},
	{.name = "p2p_introduction", .delay_us = DELAY_US},
	{.name = "redirect", .delay_us = DELAY_US},
	{.name = "sseq_only", .delay_us = DELAY_US},
	{.name = "tc_netconnection", .delay_us = DELAY_US, .has_no_events = true},
	{.name = "time_critical", .delay_us = DELAY_US, .writes = {2, 1}},
	{.name = "window_probe", .delay_us = DELAY_US, .hold_bytes = 10240},
};

static void replay_as_each_endpoint(void **state)
{
	const struct replay_row *row = *state;
	struct recording *rec = recording_load(row->name);
	uint32_t n_arrived = 0, n_arrive = 0;

	for (uint32_t i = 0; i < rec->n_endpoints; i++)
		n_arrived += replay_run(row, rec, i);
	for (uint32_t i = 0; i < rec->n_frames; i++)
		n_arrive += !rec->frames[i].is_dropped;
	assert_int_equal(n_arrived, n_arrive); // each once, wherever
	recording_free(rec);
}

int main(void)
{
	struct CMUnitTest tests[ARRAY_LEN(rows)];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		tests[i] = (struct CMUnitTest){rows[i].name, replay_as_each_endpoint, NULL, NULL,
					       (void *)(uintptr_t)&rows[i]};
	return cmocka_run_group_tests_name("replay", tests, NULL, NULL);
}
