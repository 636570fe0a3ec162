// Whole engines, back to back.
#include "tests/support/far_end.h"
#include "tests/support/loop.h"
#include "tests/support/test.h"

static const struct {
	const char *name;
	struct loop_form form;
} forms[] = {
	{"checksum", {0}},
	{"checksum, numbered", {.has_sseq = true}},
	{"hmac", {.tag_len = 10}},
	{"hmac, numbered", {.tag_len = 32, .has_sseq = true}},
};

// A ping goes there and its reply comes back: both ends seal and open each other's packets.
static void two_engines_understand_each_other_in_every_form(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		struct loop *l = loop_create(
			&(struct loop_opts){.seed = 1 + i, .n_nodes = 2, .delay_us = 10000});
		struct loop_form form = forms[i].form;
		struct loop_pair p;
		struct report r;

		form.keepalive_us = 8000000;
		p = loop_connect(l, 0, 1, &form);
		loop_run_us(l, 10000000);
		for (uint32_t n = 0; n < 2; n++) {
			assert_row(loop_take(l, n, REP_SESSION_ALIVE, &r), forms[i].name);
			assert_row(r.session_idx == p.slot[n] && r.session_id == p.id[n],
				   forms[i].name);
			assert_row(engine_stats(l->nodes[n].engine)->drops[DROP_AUTH] == 0,
				   forms[i].name);
		}
		loop_destroy(l);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_engines_understand_each_other_in_every_form),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
