// A byte budget: how exact it is, who has to wait first, and for how long.
#include "dataplane/core/budget.h"

#include "dataplane/core/internal.h"
#include "tests/support/test.h"

#define MBIT_S 125000ull // bytes a second

void session_cold_alarm(struct engine *e, uint32_t idx, enum session_alarm which, uint32_t at_ms)
{
	fail();
}

void relay_budget_changed(struct engine *e)
{
}

static struct budget budget_of(uint64_t bytes_per_s)
{
	struct budget b = {0};

	budget_rate_set(&b.rate, bytes_per_s);
	return b;
}

// Takes whatever it may get. Returns how many bytes that was.
static uint64_t take_all(struct budget *b, enum budget_class c, uint32_t packet, uint64_t now_us)
{
	uint64_t bytes = 0;

	budget_fill(&b->rate, &b->pot, now_us);
	while (budget_may(&b->rate, &b->pot, c)) {
		budget_charge(&b->rate, &b->pot, packet);
		bytes += packet;
	}
	return bytes;
}

#define PACKETS_S_MAX 20000000 // more than any worker sends, and than a test has the time for

// In any second, whatever the turns of the worker last and the packets have.
static void a_second_carries_the_rate_within_two_percent(void **state)
{
	static const uint64_t rates[] = {15, 100, 1000, 10000, 100000};
	static const uint32_t turns_us[] = {20, 1000, 5000, 9000}, packets[] = {100, 1228, 1500};
	static uint64_t sent[200000];

	for (size_t r = 0; r < ARRAY_LEN(rates); r++)
		for (size_t t = 0; t < ARRAY_LEN(turns_us); t++)
			for (size_t p = 0; p < ARRAY_LEN(packets); p++) {
				struct budget b = budget_of(rates[r] * MBIT_S);
				uint32_t per_s = 1000000 / turns_us[t], n = 3 * per_s;
				uint64_t sum = 0;

				if (rates[r] * MBIT_S / packets[p] > PACKETS_S_MAX)
					continue;
				for (uint32_t i = 0; i < n; i++) {
					sent[i] = take_all(&b, BUDGET_MEDIA, packets[p],
							   1000000 + i * (uint64_t)turns_us[t]);
					sum += sent[i];
					if (i < per_s)
						continue;
					sum -= sent[i - per_s];
					assert_in_range(sum, rates[r] * MBIT_S * 98 / 100,
							rates[r] * MBIT_S * 102 / 100);
				}
			}
}

static void idle_time_earns_a_hundredth_of_a_second(void **state)
{
	struct budget b = budget_of(1000 * MBIT_S);

	take_all(&b, BUDGET_MEDIA, 1000, 1000000);
	assert_in_range(take_all(&b, BUDGET_MEDIA, 1000, 3600000000), 1250000, 1251000);
}

// A bucket that is so full lets these through and no others.
static void the_less_there_is_the_more_is_shed(void **state)
{
	struct budget b = budget_of(1000 * MBIT_S);
	static const enum budget_class order[] = {BUDGET_HELLOS,  BUDGET_NEW,     BUDGET_POSTINGS,
						  BUDGET_OBJECTS, BUDGET_REPAIRS, BUDGET_MEDIA};

	budget_fill(&b.rate, &b.pot, 1000000);
	for (size_t i = 0; i < ARRAY_LEN(order); i++) {
		assert_true(budget_may(&b.rate, &b.pot, order[i]));
		while (budget_may(&b.rate, &b.pot, order[i]))
			budget_charge(&b.rate, &b.pot, 1000);
		for (size_t k = 0; k <= i; k++)
			assert_false(budget_may(&b.rate, &b.pot, order[k]));
		for (size_t k = i + 1; k < ARRAY_LEN(order); k++)
			assert_true(budget_may(&b.rate, &b.pot, order[k]));
	}
	assert_true(budget_may(&b.rate, &b.pot, BUDGET_CONTROL));
}

static void a_wait_is_as_long_as_it_has_to_be(void **state)
{
	for (int c = BUDGET_HELLOS; c <= BUDGET_MEDIA; c++) {
		struct budget b = budget_of(100 * MBIT_S);
		uint64_t now_us = 1000000, us;

		take_all(&b, BUDGET_MEDIA, 1000, now_us);
		assert_false(budget_may(&b.rate, &b.pot, (enum budget_class)c));
		us = budget_wait_us(&b.rate, &b.pot, (enum budget_class)c);
		assert_true(us > 100);
		budget_fill(&b.rate, &b.pot, now_us + us - 2);
		assert_false(budget_may(&b.rate, &b.pot, (enum budget_class)c));
		assert_true(budget_wait_us(&b.rate, &b.pot, (enum budget_class)c) <= 2);
		budget_fill(&b.rate, &b.pot, now_us + us);
		assert_int_equal(budget_wait_us(&b.rate, &b.pot, (enum budget_class)c), 0);
		assert_true(budget_may(&b.rate, &b.pot, (enum budget_class)c));
	}
}

// What control takes beyond the rate the others pay, a second of it at most.
static void control_is_never_held_back_and_the_others_pay(void **state)
{
	struct budget b = budget_of(8 * MBIT_S); // a megabyte a second
	uint64_t now_us = 1000000;

	budget_fill(&b.rate, &b.pot, now_us);
	for (int i = 0; i < 500; i++) {
		assert_true(budget_may(&b.rate, &b.pot, BUDGET_CONTROL));
		budget_charge(&b.rate, &b.pot, 1000);
	}
	assert_false(budget_may(&b.rate, &b.pot, BUDGET_MEDIA));
	assert_in_range(budget_wait_us(&b.rate, &b.pot, BUDGET_MEDIA), 480000, 500000);
	for (int i = 0; i < 50000; i++)
		budget_charge(&b.rate, &b.pot, 1000);
	assert_in_range(budget_wait_us(&b.rate, &b.pot, BUDGET_MEDIA), 1000000, 1020000);
}

static void no_limit_is_no_limit(void **state)
{
	struct budget b = budget_of(0);

	for (int i = 0; i < 100000; i++) {
		assert_true(budget_may(&b.rate, &b.pot, BUDGET_HELLOS));
		budget_charge(&b.rate, &b.pot, 1500);
	}
}

static void the_lowest_rate_still_sends(void **state)
{
	struct budget b = budget_of(12500); // 100 kbit/s
	uint64_t bytes = take_all(&b, BUDGET_HELLOS, 500, 1000000);

	assert_in_range(bytes, 3000, 3500); // a sixth of a dozen packets
	for (uint64_t us = 1000000; us <= 61000000; us += 1000)
		bytes += take_all(&b, BUDGET_MEDIA, 1228, us);
	assert_in_range(bytes, 60 * 12500, 60 * 12500 + BUDGET_DEPTH_MIN + 1228);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_second_carries_the_rate_within_two_percent),
		cmocka_unit_test(idle_time_earns_a_hundredth_of_a_second),
		cmocka_unit_test(the_less_there_is_the_more_is_shed),
		cmocka_unit_test(a_wait_is_as_long_as_it_has_to_be),
		cmocka_unit_test(control_is_never_held_back_and_the_others_pay),
		cmocka_unit_test(no_limit_is_no_limit),
		cmocka_unit_test(the_lowest_rate_still_sends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
