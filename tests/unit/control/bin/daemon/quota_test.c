// How workers share a byte budget.
#include "control/bin/daemon/quota.h"

#include "tests/support/test.h"

#define PERIOD_US 20000
#define TOTAL     1000000 // a second; 20 000 a period

static void shares_follow_what_is_used(void **state)
{
	static const struct {
		const char *name;
		struct quota_use use[4];
		uint64_t least[4], most[4];
	} rows[] = {
		{"nobody sends",
		 {{0}},
		 {249999, 249999, 249999, 249999},
		 {250001, 250001, 250001, 250001}},
		{"one wants all",
		 {{20000, true}},
		 {900000, 31250, 31250, 31250},
		 {906250, 31250, 31250, 31250}},
		{"two want all",
		 {{10000, true}, {10000, true}},
		 {468750, 468750, 31250, 31250},
		 {468750, 468750, 31250, 31250}},
		// 4000 a period are 200 000 a second, and a quarter more
		{"one is content",
		 {{4000, false}, {16000, true}},
		 {250000, 687500, 31250, 31250},
		 {250000, 687500, 31250, 31250}},
		{"all want all",
		 {{1, true}, {9, true}, {0, true}, {5000, true}},
		 {250000, 250000, 250000, 250000},
		 {250000, 250000, 250000, 250000}},
		{"all used more than there is",
		 {{9000, false}, {9000, false}, {9000, false}, {9000, false}},
		 {250000, 250000, 250000, 250000},
		 {250000, 250000, 250000, 250000}},
		{"little used, the rest in equal parts",
		 {{400, false}, {400, false}, {400, false}, {400, false}},
		 {250000, 250000, 250000, 250000},
		 {250000, 250000, 250000, 250000}},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint64_t share[4], sum = 0;

		quota_share(TOTAL, PERIOD_US, rows[i].use, 4, share);
		for (int w = 0; w < 4; w++) {
			sum += share[w];
			assert_row(share[w] >= rows[i].least[w] && share[w] <= rows[i].most[w],
				   rows[i].name);
		}
		assert_row(sum == TOTAL, rows[i].name);
	}
}

// Whatever is asked: all of it is shared out, and nobody is shut out.
static void nothing_is_lost_or_given_twice(void **state)
{
	uint64_t x = 88172645463325252;

	for (int i = 0; i < 100000; i++) {
		struct quota_use use[16];
		uint64_t share[16], sum = 0, total;
		uint32_t n;

		x ^= x << 13, x ^= x >> 7, x ^= x << 17;
		n = x % 16 + 1;
		total = 12500 + (x >> 8) % 12500000000;
		for (uint32_t w = 0; w < n; w++) {
			x ^= x << 13, x ^= x >> 7, x ^= x << 17;
			use[w] = (struct quota_use){x % (total / 25), x >> 60 == 0};
		}
		quota_share(total, PERIOD_US, use, n, share);
		for (uint32_t w = 0; w < n; w++) {
			sum += share[w];
			assert_true(share[w] >= total / 8 / n);
		}
		assert_true(sum == total);
	}
}

// ---- what all of them send together ----

#define STEP_US 1000
#define STEPS   (PERIOD_US / STEP_US)
#define WORKERS 16

struct bucketed {
	double rate, level;
	uint64_t sent;
	bool was_short;
};

// A worker for a millisecond: a bucket of 10 ms of its rate, and nobody who waits for long.
static void send(struct bucketed *w, double wants)
{
	double depth = w->rate / 100, may;

	w->level += w->rate * STEP_US / 1e6;
	w->level = w->level > depth ? depth : w->level;
	may = wants < w->level ? wants : w->level;
	w->was_short |= may < wants;
	w->level -= may;
	w->sent += (uint64_t)may;
}

// wants: in units of the total. Of each second that n workers send, by their shares: the least and
// the most, the first second aside.
static void seconds_of(uint32_t n, const double *wants, bool is_changing, double *least,
		       double *most)
{
	struct bucketed w[WORKERS] = {0};
	int64_t owed_bytes = 0;
	uint64_t x = 88172645463325252;
	double now[WORKERS];

	memcpy(now, wants, sizeof(now));
	for (uint32_t i = 0; i < n; i++)
		w[i].rate = (double)TOTAL / n;
	*least = 1e9;
	*most = 0;
	for (int second = 0; second < 8; second++) {
		double sent = 0;

		for (int period = 0; period < 1000000 / PERIOD_US; period++) {
			struct quota_use use[WORKERS];
			uint64_t share[WORKERS];

			for (int step = 0; step < STEPS; step++)
				for (uint32_t i = 0; i < n; i++)
					send(&w[i], now[i] * TOTAL * STEP_US / 1e6);
			for (uint32_t i = 0; i < n; i++) {
				use[i] = (struct quota_use){w[i].sent, w[i].was_short};
				sent += (double)w[i].sent;
				w[i].sent = 0;
				w[i].was_short = false;
			}
			quota_share(quota_rate(&owed_bytes, TOTAL, PERIOD_US, use, n), PERIOD_US,
				    use, n, share);
			for (uint32_t i = 0; i < n; i++)
				w[i].rate = (double)share[i];
			if (is_changing && period % 5 == 4) { // who wants how much
				x ^= x << 13, x ^= x >> 7, x ^= x << 17;
				for (uint32_t i = 0; i < n; i++)
					now[i] = wants[(i + x) % n];
			}
		}
		if (second == 0)
			continue;
		*least = sent < *least ? sent : *least;
		*most = sent > *most ? sent : *most;
	}
}

// A limit is accurate to 2 %, however many workers share it and whoever has the members.
static void a_limit_is_kept_to_two_percent(void **state)
{
	static const struct {
		const char *name;
		uint32_t n;
		double wants[WORKERS];
		bool is_changing;
		double sum; // of the total that is sent
	} rows[] = {
		{"one of one", 1, {3}, false, 1},
		{"one of two has all members", 2, {3, 0}, false, 1},
		{"one of sixteen", 16, {3}, false, 1},
		{"one is content", 2, {0.2, 2}, false, 1},
		{"half are content", 8, {0.02, 0.1, 0.03, 0.15, 1, 1, 1, 1}, false, 1},
		{"all want more", 4, {1, 2, 3, 4}, false, 1},
		{"all are content", 4, {0.1, 0.2, 0.3, 0.1}, false, 0.7},
		{"just enough", 4, {0.25, 0.25, 0.25, 0.25}, false, 1},
		{"members come and go", 4, {0.1, 0.1, 0.5, 2}, true, 1},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		double least, most;

		seconds_of(rows[i].n, rows[i].wants, rows[i].is_changing, &least, &most);
		print_message("%s: %.3f to %.3f of the limit\n", rows[i].name, least / TOTAL,
			      most / TOTAL);
		assert_row(least >= 0.98 * rows[i].sum * TOTAL, rows[i].name);
		assert_row(most <= 1.02 * rows[i].sum * TOTAL, rows[i].name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shares_follow_what_is_used),
		cmocka_unit_test(nothing_is_lost_or_given_twice),
		cmocka_unit_test(a_limit_is_kept_to_two_percent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
