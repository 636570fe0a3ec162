#include "dataplane/core/internal.h"

#include "tests/support/far_end.h"
#include "tests/support/test.h"

static const struct loop_form forms[] = {
	{0},
	{.has_sseq = true},
	{.tag_len = 10},
	{.tag_len = 16, .has_sseq = true},
};

static struct loop *loop_one(void)
{
	return loop_create(&(struct loop_opts){.seed = 5, .n_nodes = 1});
}

static struct engine *engine_of(struct loop *l)
{
	return l->nodes[0].engine;
}

// What a packet that did not verify must leave alone (requirement 12).
struct image {
	struct session hot;
	struct session_cold cold;
	struct path path;
};

static void image_take(struct image *m, struct engine *e, uint32_t slot)
{
	m->hot = *session_at(e, slot);
	m->cold = *session_cold_at(e, slot);
	m->path = *engine_path(e, slot);
}

static bool image_is_same(const struct image *m, struct engine *e, uint32_t slot)
{
	struct image now;

	memset(&now, 0, sizeof(now));
	image_take(&now, e, slot);
	return memcmp(m, &now, sizeof(now)) == 0;
}

static const uint8_t ping[] = {MODE_RESPONDER | PACKET_TS, 1, 2, CHUNK_PING, 0, 2, 'h', 'i'};

static void datagrams_of_nobody_are_named(void **state)
{
	struct loop *l = loop_one();
	struct far_end f = far_connect(l, 0, &forms[0], false);
	uint8_t good[LOOP_DATAGRAM_MAX], bad[LOOP_DATAGRAM_MAX];
	size_t len = far_seal(&f, span_of(ping, sizeof(ping)), good);
	const struct {
		const char *name;
		uint32_t id;
		size_t len;
		uint8_t drop;
	} rows[] = {
		{"empty", f.id, 0, DROP_SHORT},
		{"half an id", f.id, 3, DROP_SHORT},
		{"id alone", f.id, 4, DROP_SHORT},
		{"less than a block", f.id, 19, DROP_SHORT},
		{"not whole blocks", f.id, 21, DROP_AUTH},
		{"another generation", f.id ^ 1u << 31, len, DROP_NO_SESSION},
		{"a slot nobody has", session_id_make(0, 9, 5), len, DROP_NO_SESSION},
		{"a slot there is not", session_id_make(0, 100000, 5), len, DROP_NO_SESSION},
		{"another worker", f.id | 3, len, DROP_WRONG_WORKER},
		{"startup, but other keys", 0, len, DROP_AUTH},
		{"the right one", f.id, len, DROP_NONE},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint64_t before = engine_stats(engine_of(l))->drops[rows[i].drop];

		memcpy(bad, good, len);
		if (rows[i].len > SSID_LEN)
			ssid_scramble(bad, rows[i].len, rows[i].id);
		assert_row(far_send_datagram(&f, span_of(bad, rows[i].len)) == rows[i].drop,
			   rows[i].name);
		assert_row(rows[i].drop == DROP_NONE ||
				   engine_stats(engine_of(l))->drops[rows[i].drop] == before + 1,
			   rows[i].name);
	}
	loop_destroy(l);
}

static void a_flipped_bit_changes_nothing(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		struct loop *l = loop_one();
		struct far_end f = far_connect(l, 0, &forms[i], false);
		uint8_t good[LOOP_DATAGRAM_MAX], bad[LOOP_DATAGRAM_MAX];
		struct image image;
		size_t len;

		assert_int_equal(far_send(&f, span_of(ping, sizeof(ping))), DROP_NONE);
		len = far_seal(&f, span_of(ping, sizeof(ping)), good);
		memset(&image, 0, sizeof(image));
		image_take(&image, engine_of(l), f.slot);
		for (size_t bit = 0; bit < 8 * (len - SSID_LEN); bit++) {
			memcpy(bad, good, len);
			bad[SSID_LEN + bit / 8] ^= 1 << bit % 8;
			ssid_scramble(bad, len, f.id);
			// Of 16 bits of checksum one flip in 65536 would pass: none of these does.
			assert_int_equal(far_send_datagram(&f, span_of(bad, len)), DROP_AUTH);
		}
		assert_true(image_is_same(&image, engine_of(l), f.slot));
		assert_int_equal(far_send_datagram(&f, span_of(good, len)), DROP_NONE);
		loop_destroy(l);
	}
}

static void a_replayed_packet_changes_nothing(void **state)
{
	struct loop *l = loop_one();
	struct far_end f = far_connect(l, 0, &(struct loop_form){.has_sseq = true}, false);
	uint8_t packets[40][LOOP_DATAGRAM_MAX];
	size_t lens[40];
	struct image image;

	for (int i = 0; i < 40; i++)
		lens[i] = far_seal(&f, span_of(ping, sizeof(ping)), packets[i]);
	for (int i = 39; i >= 0; i--) // reordered by 39: more than the 32 that must be borne
		assert_int_equal(far_send_datagram(&f, span_of(packets[i], lens[i])), DROP_NONE);
	memset(&image, 0, sizeof(image));
	image_take(&image, engine_of(l), f.slot);
	for (int i = 0; i < 40; i++)
		assert_int_equal(far_send_datagram(&f, span_of(packets[i], lens[i])), DROP_REPLAY);
	assert_true(image_is_same(&image, engine_of(l), f.slot));
	loop_destroy(l);
}

static void a_sequence_number_beyond_32_bits_is_a_number(void **state)
{
	struct loop *l = loop_one();
	struct far_end f = far_connect(l, 0, &(struct loop_form){.has_sseq = true}, false);

	f.sseq = 1ull << 40;
	assert_int_equal(far_send(&f, span_of(ping, sizeof(ping))), DROP_NONE);
	assert_int_equal(far_send(&f, span_of(ping, sizeof(ping))), DROP_NONE);
	f.sseq = 5; // far below the window
	assert_int_equal(far_send(&f, span_of(ping, sizeof(ping))), DROP_REPLAY);
	loop_destroy(l);
}

// One burst of several sessions in several forms, with rubbish in between.
static void a_burst_keeps_its_survivors(void **state)
{
	struct loop *l = loop_one();
	struct far_end f[ARRAY_LEN(forms)];
	static uint8_t data[3 * ARRAY_LEN(forms)][LOOP_DATAGRAM_MAX];
	struct pkt pkts[3 * ARRAY_LEN(forms)];

	for (size_t i = 0; i < ARRAY_LEN(forms); i++)
		f[i] = far_connect(l, 0, &forms[i], false);
	for (size_t i = 0; i < ARRAY_LEN(pkts); i++) {
		struct far_end *far = &f[i % ARRAY_LEN(forms)];

		pkts[i] = (struct pkt){.data = data[i], .family = 4, .port = 9};
		pkts[i].len = (uint16_t)far_seal(far, span_of(ping, sizeof(ping)), data[i]);
		if (i % 3 == 1)
			pkts[i].len = 7;
		if (i % 3 == 2)
			data[i][13] ^= 1; // behind the words that hide the id
	}
	engine_rx(engine_of(l), pkts, ARRAY_LEN(pkts), l->now_us);
	for (size_t i = 0; i < ARRAY_LEN(pkts); i++) {
		static const uint8_t drops[] = {DROP_NONE, DROP_SHORT, DROP_AUTH};

		assert_int_equal(pkts[i].drop, drops[i % 3]);
	}
	for (size_t i = 0; i < ARRAY_LEN(forms); i++)
		assert_int_equal(session_at(engine_of(l), f[i].slot)->rx_packets, 1);
	loop_destroy(l);
}

static void a_datagram_tells_whose_worker_it_is_for(void **state)
{
	uint8_t datagram[36] = {0};

	ssid_scramble(datagram, sizeof(datagram), session_id_make(11, 5, 1));
	assert_int_equal(engine_datagram_worker(datagram, sizeof(datagram)), 11);
	assert_int_equal(engine_datagram_worker(datagram, 2), 0);
	assert_int_equal(engine_datagram_worker(datagram, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(datagrams_of_nobody_are_named),
		cmocka_unit_test(a_flipped_bit_changes_nothing),
		cmocka_unit_test(a_replayed_packet_changes_nothing),
		cmocka_unit_test(a_sequence_number_beyond_32_bits_is_a_number),
		cmocka_unit_test(a_burst_keeps_its_survivors),
		cmocka_unit_test(a_datagram_tells_whose_worker_it_is_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
