#include "dataplane/body.h"

#include "crypto/random.h"
#include "tests/support/test.h"

static void a_body_is_as_long_as_asked_and_aligned(void **state)
{
	static const uint32_t lens[] = {0, 1, 64, 65, 128, 129, 1200, 4096, 245504, 1 << 20};
	struct body_pool *p = body_pool_create(8u << 20);

	for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
		struct body *b = body_get(p, lens[i]);

		assert_non_null(b);
		assert_int_equal(b->len, lens[i]);
		assert_true(b->cap >= lens[i]);
		assert_int_equal((uintptr_t)b->data % 64, 0);
		memset(b->data, 0xa5, b->cap);
		body_put(b);
	}
	assert_int_equal(body_pool_lent(p), 0);
	body_pool_destroy(p);
}

static void no_body_wastes_more_than_a_third(void **state)
{
	struct body_pool *p = body_pool_create(16u << 20);

	for (uint32_t len = 64; len <= 1 << 20; len++) {
		struct body *b = body_get(p, len);
		size_t whole = sizeof(*b) + len;

		assert_non_null(b);
		assert_true(b->cap >= len && 2 * (sizeof(*b) + b->cap) <= 3 * whole);
		body_put(b);
		assert_ptr_equal(body_get(p, len), b); // it has gone back to where it came from
		body_put(b);
	}
	body_pool_destroy(p);
}

static void the_largest_body_is_a_mebibyte_where_the_arena_allows(void **state)
{
	struct body_pool *p = body_pool_create(4u << 20);

	assert_true(body_pool_largest(p) >= 1 << 20);
	assert_non_null(body_get(p, body_pool_largest(p)));
	assert_null(body_get(p, body_pool_largest(p) + 1));
	assert_null(body_get(p, UINT32_MAX));
	body_pool_destroy(p);

	p = body_pool_create(0);
	assert_int_equal(body_pool_largest(p), 0);
	assert_null(body_get(p, 0));
	body_pool_destroy(p);
}

static void an_empty_pool_says_so_and_recovers(void **state)
{
	struct body_pool *p = body_pool_create(64 * 1024);
	struct body *all[1024];
	uint32_t n = 0;

	while ((all[n] = body_get(p, 64)) != NULL)
		n++;
	assert_int_equal(n, 64 * 1024 / 128); // 64 octets of header, 64 of data
	body_put(all[--n]);
	assert_ptr_equal(body_get(p, 10), all[n]);
	body_pool_destroy(p);
}

static void an_idle_longer_body_serves_a_shorter_message(void **state)
{
	struct body_pool *p = body_pool_create(64 * 1024);
	struct body *big[64];
	uint32_t n = 0;

	while ((big[n] = body_get(p, 8192 - 64)) != NULL)
		n++;
	body_put(big[0]);
	assert_ptr_equal(body_get(p, 100), big[0]);
	assert_int_equal(big[0]->len, 100);
	// and goes home to its own class
	body_put(big[0]);
	assert_ptr_equal(body_get(p, 8192 - 64), big[0]);
	body_pool_destroy(p);
}

// Random taking and giving: no body is ever lent twice, and what was written stays.
static void bodies_never_overlap(void **state)
{
	struct body_pool *p = body_pool_create(1u << 20);
	struct random_state rs;
	struct random r = random_seeded(&rs, 7);
	struct body *held[200] = {0};

	for (uint32_t i = 0; i < 20000; i++) {
		uint32_t k = (uint32_t)random_below(&r, ARRAY_LEN(held));

		if (held[k] == NULL) {
			held[k] = body_get(p, (uint32_t)random_below(&r, 9000));
			if (held[k] != NULL)
				memset(held[k]->data, (int)k, held[k]->cap);
			continue;
		}
		assert_int_equal(held[k]->data[0], k);
		assert_int_equal(held[k]->data[held[k]->cap - 1], k);
		body_put(held[k]);
		held[k] = NULL;
	}
	body_pool_destroy(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_body_is_as_long_as_asked_and_aligned),
		cmocka_unit_test(no_body_wastes_more_than_a_third),
		cmocka_unit_test(the_largest_body_is_a_mebibyte_where_the_arena_allows),
		cmocka_unit_test(an_empty_pool_says_so_and_recovers),
		cmocka_unit_test(an_idle_longer_body_serves_a_shorter_message),
		cmocka_unit_test(bodies_never_overlap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
