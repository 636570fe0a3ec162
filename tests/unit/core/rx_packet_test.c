#include "dataplane/core/internal.h"

#include "tests/support/far_end.h"
#include "tests/support/hex.h"
#include "tests/support/test.h"

static struct loop *loop_one(void)
{
	return loop_create(&(struct loop_opts){.seed = 6, .n_nodes = 1});
}

static const struct loop_form plain_form;

static uint64_t drops(struct loop *l, enum drop_reason why)
{
	return engine_stats(l->nodes[0].engine)->drops[why];
}

static void marks_that_must_not_come_are_dropped(void **state)
{
	static const struct {
		const char *name;
		bool far_is_initiator;
		const char *packet;
		uint8_t drop;
	} rows[] = {
		{"mode 0", false, "00 010000", DROP_MODE},
		{"mode 0 with fields", false, "0c 0001 0002", DROP_MODE},
		{"our initiator's mark", false, "01 010000", DROP_OWN_MARK},
		{"our responder's mark", true, "02 010000", DROP_OWN_MARK},
		{"startup under session keys", false, "03 010000", DROP_MODE},
		{"the responder's", false, "02 010000", DROP_NONE},
		{"the initiator's", true, "01 010000", DROP_NONE},
		{"flags alone", true, "01", DROP_NONE},
		{"reserved bits are nobody's", true, "31 010000", DROP_NONE},
	};
	uint8_t buf[64];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct loop *l = loop_one();
		struct far_end f = far_connect(l, 0, &plain_form, rows[i].far_is_initiator);

		assert_row(far_send(&f, HEX(buf, rows[i].packet)) == rows[i].drop, rows[i].name);
		assert_row(session_at(l->nodes[0].engine, f.slot)->rx_packets ==
				   (rows[i].drop == DROP_NONE),
			   rows[i].name);
		loop_destroy(l);
	}
}

static void a_packet_too_short_for_its_fields_is_dropped(void **state)
{
	struct loop *l = loop_one();
	struct far_end f = far_connect(l, 0, &(struct loop_form){.has_sseq = true}, false);
	const uint8_t flags = PACKET_TS | PACKET_TSE | MODE_RESPONDER;

	f.sseq = 1ull << 63; // ten octets: with the checksum only four are left of the block
	assert_int_equal(far_send(&f, span_of(&flags, 1)), DROP_TRUNCATED);
	loop_destroy(l);
}

// Pings behind whatever stands before them are answered with the same message.
static void chunks_are_found_behind_anything(void **state)
{
	static const struct {
		const char *name, *packet;
		const char *reply; // NULL: none
	} rows[] = {
		{"no fields", "02 01 0003 616263", "616263"},
		{"timestamp", "0a 1234 01 0003 616263", "616263"},
		{"echo", "06 1234 01 0003 616263", "616263"},
		{"both", "0e 1234 5678 01 0003 616263", "616263"},
		{"time critical", "ce 1234 5678 01 0003 616263", "616263"},
		{"empty message", "02 01 0000", ""},
		{"unknown chunk first", "02 ec 0001 05 01 0001 61", "61"},
		{"padding 00 first", "02 00 0002 aaaa 01 0001 61", "61"},
		{"padding ff first", "02 ff 0002 ffff 01 0001 61", "61"},
		{"a broken chunk first", "02 18 0001 80 01 0001 61", "61"},
		{"a startup chunk first", "02 30 0003 020a41 01 0001 61", "61"},
		{"a fragment first", "02 7f 0003 000061 01 0001 61", "61"},
		{"a length that does not fit ends it", "02 01 0040 61 01 0001 61", NULL},
		{"nothing to answer", "02 41 0001 61", NULL},
	};
	uint8_t packet[64], want[64], buf[LOOP_DATAGRAM_MAX];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct loop *l = loop_one();
		struct far_end f = far_connect(l, 0, &plain_form, false);
		bool is_answered;
		struct chunk c;

		assert_row(far_send(&f, HEX(packet, rows[i].packet)) == DROP_NONE, rows[i].name);
		is_answered = far_receive_chunk(&f, CHUNK_PING_REPLY, buf, &c);
		assert_row(is_answered == (rows[i].reply != NULL), rows[i].name);
		if (is_answered)
			assert_row(span_equal(c.payload, HEX(want, rows[i].reply)), rows[i].name);
		loop_destroy(l);
	}
}

static void what_does_not_belong_is_counted(void **state)
{
	struct loop *l = loop_one();
	struct far_end f = far_connect(l, 0, &plain_form, false);
	uint8_t buf[64];

	far_send(&f, HEX(buf, "02 ec 0001 05 4d 0000"));
	assert_int_equal(drops(l, DROP_UNKNOWN_CHUNK), 2);
	far_send(&f, HEX(buf, "02 38 0001 05 79 0000 00 0000 ff 0000"));
	assert_int_equal(drops(l, DROP_WRONG_MODE_CHUNK), 2);
	assert_int_equal(drops(l, DROP_UNKNOWN_CHUNK), 2);
	loop_destroy(l);
}

// Requirement 129: every type, cut at every length, with rubbish behind.
static void every_chunk_cut_anywhere_is_survived(void **state)
{
	struct loop *l = loop_one();
	uint8_t chunks[3 + 48 + 6];

	for (int round = 0; round < 2; round++) {
		struct far_end f = far_connect(l, 0, &(struct loop_form){.tag_len = 8}, round);

		for (int type = 0; type < 256; type++) {
			for (uint8_t len = 0; len < 48; len++) {
				struct report r;

				random_fill(&l->random, chunks, sizeof(chunks));
				chunks[0] = (uint8_t)type;
				chunks[1] = 0;
				chunks[2] = len;
				memcpy(chunks + 3 + len, "\x01\x00\x03end", 6);
				assert_int_equal(far_send_chunks(&f, span_of(chunks, 9u + len)),
						 DROP_NONE);
				loop_turn(l);
				if (loop_take(l, 0, REP_SESSION_CLOSING, &r) ||
				    loop_take(l, 0, REP_SESSION_CLOSED, &r))
					f = far_connect(l, 0, &(struct loop_form){.tag_len = 8},
							round);
				l->now_us += 30000000;
				loop_forget(l, 0);
				l->n_strays = 0;
			}
		}
	}
	assert_int_equal(drops(l, DROP_AUTH), 0);
	loop_destroy(l);
}

static void the_first_packet_says_that_the_far_end_lives(void **state)
{
	struct loop *l = loop_one();
	struct far_end f = far_connect(l, 0, &plain_form, true);
	struct report r;

	assert_int_equal(far_send_chunks(&f, span_of(NULL, 0)), DROP_NONE);
	assert_int_equal(far_send_chunks(&f, span_of(NULL, 0)), DROP_NONE);
	loop_turn(l);
	assert_int_equal(loop_count(l, 0, REP_SESSION_ALIVE), 1);
	assert_true(loop_take(l, 0, REP_SESSION_ALIVE, &r));
	assert_int_equal(r.session_idx, f.slot);
	assert_int_equal(r.session_id, f.id);
	loop_destroy(l);
}

static void a_forwarded_hello_goes_to_control(void **state)
{
	struct loop *l = loop_one();
	struct far_end f = far_connect(l, 0, &plain_form, true);
	uint8_t buf[64], want[64];
	struct report r;

	far_send_chunks(&f, HEX(buf, "0f 000c 03 020a41 02c0000201078f 74"));
	loop_turn(l);
	assert_true(loop_take(l, 0, REP_SESSION_FIHELLO, &r));
	assert_int_equal(r.session_id, f.id);
	assert_true(
		span_equal(span_of(r.body->data, r.len), HEX(want, "03 020a41 02c0000201078f 74")));
	loop_put(l, 0, r.body);
	assert_int_equal(body_pool_lent(l->nodes[0].engine->bodies), 0);
	loop_destroy(l);
}

static void startup_work_is_lost_by_name_when_control_is_behind(void **state)
{
	struct loop *l =
		loop_create(&(struct loop_opts){.seed = 6, .n_nodes = 1, .ring_slots = 16});
	struct far_end f = far_connect(l, 0, &plain_form, true);
	uint8_t buf[64];

	l->nodes[0].is_deaf = true;
	for (int i = 0; i < 20; i++)
		far_send_chunks(&f, HEX(buf, "0f 0002 0000"));
	assert_true(drops(l, DROP_REPORT_FULL) >= 4);
	l->nodes[0].is_deaf = false;
	loop_turn(l);
	loop_destroy(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(marks_that_must_not_come_are_dropped),
		cmocka_unit_test(a_packet_too_short_for_its_fields_is_dropped),
		cmocka_unit_test(chunks_are_found_behind_anything),
		cmocka_unit_test(what_does_not_belong_is_counted),
		cmocka_unit_test(every_chunk_cut_anywhere_is_survived),
		cmocka_unit_test(the_first_packet_says_that_the_far_end_lives),
		cmocka_unit_test(a_forwarded_hello_goes_to_control),
		cmocka_unit_test(startup_work_is_lost_by_name_when_control_is_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
