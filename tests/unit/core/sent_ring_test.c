#include "dataplane/core/sent_ring.h"
#include "tests/support/test.h"

static struct slabs *slabs;

static int open_slabs(void **state)
{
	slabs = slabs_create((const uint32_t[SLAB_SIZES]){3, 2, 1, 1});
	return slabs == NULL;
}

static int close_slabs(void **state)
{
	assert_int_equal(slabs_lent(slabs), 0);
	slabs_destroy(slabs);
	return 0;
}

static void finish(struct flow_tx *f)
{
	f->sn_base = f->sn_next;
	sent_ring_release(f, slabs);
}

static void it_grows_and_keeps_what_is_in_it(void **state)
{
	struct flow_tx f = {.sn_next = 100, .sn_base = 100}; // not at the ring's start

	for (uint32_t i = 0; i < SENT_RING_MAX; i++) {
		assert_int_equal(sent_ring_reserve(&f, slabs), 0);
		sent_ring_append(&f, SENT_IN_FLIGHT, i);
		if (i == 7)
			assert_int_equal(f.ring_mask, 7);
		if (i == 8 || i == 63)
			assert_int_equal(f.ring_mask, 63);
		if (i == 64)
			assert_int_equal(f.ring_mask, 255);
		if (i == 256)
			assert_int_equal(f.ring_mask, 1023);
	}
	for (uint32_t i = 0; i < SENT_RING_MAX; i++)
		assert_int_equal(sent_at(&f, 100 + i)->ref, i);
	assert_false(sent_ring_has_room(&f));
	assert_int_equal(sent_ring_reserve(&f, slabs), -ENOBUFS);
	f.sn_base++; // one leaves, one may come
	assert_int_equal(sent_ring_reserve(&f, slabs), 0);
	finish(&f);
}

static void a_full_pool_costs_no_one_what_he_has(void **state)
{
	struct flow_tx f[3] = {{.sn_next = 1, .sn_base = 1},
			       {.sn_next = 1, .sn_base = 1},
			       {.sn_next = 1, .sn_base = 1}};

	for (int i = 0; i < 65; i++)
		if (sent_ring_reserve(&f[0], slabs) == 0)
			sent_ring_append(&f[0], SENT_IN_FLIGHT, 7);
	assert_int_equal(f[0].ring_mask, 255); // took the only one of its size
	for (int i = 0; i < 64; i++) {
		assert_int_equal(sent_ring_reserve(&f[1], slabs), 0);
		sent_ring_append(&f[1], SENT_IN_FLIGHT, 7);
	}
	assert_int_equal(sent_ring_reserve(&f[1], slabs), -ENOBUFS);
	assert_int_equal(f[1].sn_next - f[1].sn_base, 64);
	assert_int_equal(sent_ring_reserve(&f[2], slabs), 0);
	for (int i = 0; i < 3; i++)
		finish(&f[i]);
}

// A stream's flow sends and is acknowledged by turns: its smallest ring stays, larger ones go back.
static void at_rest_it_keeps_little(void **state)
{
	struct flow_tx f = {.sn_next = 1, .sn_base = 1, .flags = FLOW_TX_GAPS};
	struct sent *ring;

	assert_int_equal(sent_ring_reserve(&f, slabs), 0);
	ring = f.ring;
	for (int i = 0; i < 20; i++) {
		assert_int_equal(sent_ring_reserve(&f, slabs), 0);
		sent_ring_append(&f, SENT_IN_FLIGHT, 7);
		f.sn_base = f.sn_next;
		sent_ring_rest(&f, slabs);
		assert_int_equal(f.flags, 0);
		assert_ptr_equal(f.ring, ring);
	}
	for (int i = 0; i <= SENT_RING_LEAST; i++) {
		assert_int_equal(sent_ring_reserve(&f, slabs), 0);
		sent_ring_append(&f, SENT_IN_FLIGHT, 7);
	}
	assert_int_equal(f.ring_mask, 63);
	f.sn_base = f.sn_next;
	sent_ring_rest(&f, slabs);
	assert_null(f.ring);
	finish(&f);
}

// What is known of numbers 1, 2, ...: i in flight, a acknowledged, l lost, x given up, y given up
// while its data is still in flight, n told as given up (the ABN chunk is in flight).
static uint8_t flags_of(char c)
{
	switch (c) {
	case 'i':
		return SENT_IN_FLIGHT;
	case 'a':
		return SENT_ACKED;
	case 'l':
		return SENT_LOST;
	case 'x':
		return SENT_ABANDONED;
	case 'y':
		return SENT_ABANDONED | SENT_IN_FLIGHT;
	default:
		assert_int_equal(c, 'n');
		return SENT_ABANDONED | SENT_IN_FLIGHT | SENT_AS_ABN;
	}
}

static const struct {
	const char *name, *numbers;
	uint64_t base, fsn; // after trimming
	bool wants_abn;
} rings[] = {
	{"empty: all up to here is done", "", 1, 0, false},
	{"FSN is below the first that may come (§3.6.2.3 rule 2)", "iii", 1, 0, false},
	{"lost ones may come again", "lii", 1, 0, false},
	{"acknowledged ones leave at the base", "aai", 3, 2, false},
	{"and stay behind one that is missing", "iaa", 1, 0, false},
	{"given up at the base: to be told", "xii", 1, 1, true},
	{"a run of them is told by its last", "xxxi", 3, 3, true},
	{"what was acknowledged between them does not part the run", "xaxi", 3, 3, true},
	{"given up behind one that may come: must wait (§16.3)", "ixx", 1, 0, false},
	{"given up, but its data may still arrive (rule 3)", "yii", 1, 0, false},
	{"told: nothing more to do until it is acknowledged", "nii", 1, 1, false},
	{"told, more behind it: FSN says so, ABN waits its turn", "nxi", 1, 2, false},
	{"all given up: one is left to be told (§3.6.2.6)", "xxx", 3, 3, true},
	{"acknowledged up to the end", "aaa", 4, 3, false},
};

static void numbers_leave_at_the_base(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(rings); i++) {
		struct flow_tx f = {.sn_next = 1, .sn_base = 1};

		for (const char *c = rings[i].numbers; *c != 0; c++) {
			assert_int_equal(sent_ring_reserve(&f, slabs), 0);
			sent_ring_append(&f, flags_of(*c), 0);
		}
		sent_ring_trim(&f);
		assert_row(f.sn_base == rings[i].base, rings[i].name);
		assert_row(sent_ring_fsn(&f) == rings[i].fsn, rings[i].name);
		assert_row(sent_ring_wants_abn(&f) == rings[i].wants_abn, rings[i].name);
		finish(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(it_grows_and_keeps_what_is_in_it, open_slabs,
						close_slabs),
		cmocka_unit_test_setup_teardown(a_full_pool_costs_no_one_what_he_has, open_slabs,
						close_slabs),
		cmocka_unit_test_setup_teardown(at_rest_it_keeps_little, open_slabs, close_slabs),
		cmocka_unit_test_setup_teardown(numbers_leave_at_the_base, open_slabs, close_slabs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
