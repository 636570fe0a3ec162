#include "tests/unit/core/flow_world.h"

struct desk {
	struct node *node; // for its pools
	struct msg_pool *pool;
	struct msgq q;
};

static void desk_open(struct desk *d)
{
	d->node = node_create(16);
	d->pool = &d->node->e.flows->messages;
	msgq_init(&d->q);
}

static struct tx_msg of_control(struct desk *d, uint32_t len)
{
	struct tx_msg m = {.len = len, .kind = MSG_BODY};

	m.body = body_get(d->node->control, len);
	for (uint32_t i = 0; i < len; i++)
		m.body->data[i] = (uint8_t)i;
	return m;
}

#define EQUAL                                                                                      \
	{                                                                                          \
		100, 100, 1                                                                        \
	}
#define PAIRS                                                                                      \
	{                                                                                          \
		100, 20, 2                                                                         \
	}
#define THREES                                                                                     \
	{                                                                                          \
		100, 20, 3                                                                         \
	}

struct cut_row {
	const char *name;
	uint32_t len;
	struct msg_cut cut;
	uint32_t k; // which fragment
	uint32_t at, fragment_len;
	uint8_t flags;
};

static const struct cut_row equal[] = {
	{"an empty message is one fragment", 0, EQUAL, 0, 0, 0, USER_DATA_FRA_WHOLE},
	{"a short one, too", 99, EQUAL, 0, 0, 99, USER_DATA_FRA_WHOLE},
	{"one that just fits", 100, EQUAL, 0, 0, 100, USER_DATA_FRA_WHOLE},
	{"one octet too many: a beginning", 101, EQUAL, 0, 0, 100, USER_DATA_FRA_BEGIN},
	{"and an end of one octet", 101, EQUAL, 1, 100, 1, USER_DATA_FRA_END},
	{"between them all are middles", 250, EQUAL, 1, 100, 100, USER_DATA_FRA_MIDDLE},
	{"a last one that is full", 300, EQUAL, 2, 200, 100, USER_DATA_FRA_END},
};

static const struct cut_row by_packet[] = {
	{"two to a packet: a long one", 250, PAIRS, 0, 0, 100, USER_DATA_FRA_BEGIN},
	{"and a short one", 250, PAIRS, 1, 100, 20, USER_DATA_FRA_MIDDLE},
	{"and again", 250, PAIRS, 2, 120, 100, USER_DATA_FRA_MIDDLE},
	{"an end in the long one's place", 190, PAIRS, 2, 120, 70, USER_DATA_FRA_END},
	{"an end in the short one's place", 110, PAIRS, 1, 100, 10, USER_DATA_FRA_END},
	{"three to a packet", 500, THREES, 2, 200, 20, USER_DATA_FRA_MIDDLE},
	{"and the next begins", 500, THREES, 3, 220, 100, USER_DATA_FRA_MIDDLE},
	{"and ends", 500, THREES, 6, 440, 60, USER_DATA_FRA_END},
};

static void cut(const struct cut_row *rows, size_t n)
{
	struct desk d;

	desk_open(&d);
	for (size_t i = 0; i < n; i++) {
		struct tx_msg m = of_control(&d, rows[i].len);
		struct span body;

		m.cut = rows[i].cut;
		body = msg_fragment(&m, rows[i].k);
		assert_row(body.len == rows[i].fragment_len, rows[i].name);
		assert_row(body.len == 0 || body.data == m.body->data + rows[i].at, rows[i].name);
		assert_row(msg_fragment_flags(&m, rows[i].k) == rows[i].flags, rows[i].name);
		msg_drop_octets(&d.node->e, &m);
	}
	node_destroy(d.node);
}

static void a_message_is_cut_into_equal_fragments(void **state)
{
	cut(equal, ARRAY_LEN(equal));
}

// pmtu.h: what a larger packet holds beyond whole fragments is one more.
static void or_so_that_each_run_fills_a_packet(void **state)
{
	cut(by_packet, ARRAY_LEN(by_packet));
}

static void octets_go_home_with_the_last_fragment(void **state)
{
	struct desk d;
	struct tx_msg m, *q;

	desk_open(&d);
	m = of_control(&d, 300);
	assert_int_equal(msgq_push(&d.q, d.pool, &m), 0);
	q = msg_at(d.pool, d.q.head);
	q->n_unsettled = 3; // three fragments got numbers
	msgq_pop(&d.node->e, &d.q, d.pool);
	assert_int_equal(d.q.head, IDX_NONE);
	for (int i = 3; i > 0; i--) {
		assert_int_equal(body_pool_lent(d.node->control), 1);
		msg_settle(&d.node->e, d.pool, (uint32_t)(q - d.pool->msgs));
	}
	assert_int_equal(body_pool_lent(d.node->control), 0);
	assert_int_equal(d.pool->free.n, 0);
	node_destroy(d.node);
}

static void a_message_given_up_in_the_queue_keeps_its_place(void **state)
{
	struct desk d;
	struct tx_msg m;

	desk_open(&d);
	m = of_control(&d, 300);
	assert_int_equal(msgq_push(&d.q, d.pool, &m), 0);
	msg_drop_octets(&d.node->e, msg_at(d.pool, d.q.head));
	assert_int_equal(body_pool_lent(d.node->control), 0);
	assert_int_equal(d.pool->free.n, 1); // its number is still to come
	msgq_pop(&d.node->e, &d.q, d.pool);
	assert_int_equal(d.pool->free.n, 0);
	node_destroy(d.node);
}

static void a_queue_is_bounded(void **state)
{
	const struct tx_msg empty = {.kind = MSG_EMPTY}, large = {.len = MSGQ_BYTES_MAX};
	struct desk d;

	desk_open(&d);
	assert_int_equal(msgq_push(&d.q, d.pool, &large), 0);
	assert_int_equal(msgq_push(&d.q, d.pool, &(struct tx_msg){.len = 1}), -ENOBUFS);
	assert_int_equal(msgq_push(&d.q, d.pool, &empty), 0); // takes no octets
	for (uint32_t i = 2; i < d.pool->free.max; i++)
		assert_int_equal(msgq_push(&d.q, d.pool, &empty), 0);
	assert_int_equal(msgq_push(&d.q, d.pool, &empty), -ENOBUFS); // the pool is empty
	while (d.q.head != IDX_NONE)
		msgq_pop(&d.node->e, &d.q, d.pool);
	assert_int_equal(d.q.n, 0);
	assert_int_equal(d.q.bytes, 0);
	node_destroy(d.node);
}

static void one_body_serves_many_messages(void **state)
{
	struct desk d;
	struct local_body *local;

	desk_open(&d);
	local = local_body_get(&d.node->e, 5000);
	memset(local_body_data(local), 7, 5000);
	for (int i = 0; i < 3; i++) {
		const struct tx_msg m = {.len = 5000, .kind = MSG_LOCAL, .local = local};

		assert_int_equal(msgq_push(&d.q, d.pool, &m), 0);
		local_body_ref(local);
	}
	local_body_unref(&d.node->e, local); // ours
	for (int i = 0; i < 3; i++) {
		assert_int_equal(body_pool_lent(d.node->e.bodies), 1);
		msgq_pop(&d.node->e, &d.q, d.pool);
	}
	assert_int_equal(body_pool_lent(d.node->e.bodies), 0);
	node_destroy(d.node);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_is_cut_into_equal_fragments),
		cmocka_unit_test(or_so_that_each_run_fills_a_packet),
		cmocka_unit_test(octets_go_home_with_the_last_fragment),
		cmocka_unit_test(a_message_given_up_in_the_queue_keeps_its_place),
		cmocka_unit_test(a_queue_is_bounded),
		cmocka_unit_test(one_body_serves_many_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
