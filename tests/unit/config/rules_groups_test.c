#include "tests/unit/config/config_test.h"

#include <sys/stat.h>
#include <unistd.h>

// Takes "good..." only; the id is the letter behind it, so goodA and goodAx are one group.
static int check(void *ctx, const char *spec, size_t len, uint8_t id[32], char *why,
		 size_t why_size)
{
	unsigned *n_calls = ctx;

	assert_int_equal(strlen(spec), len);
	(*n_calls)++;
	if (strncmp(spec, "good", 4) != 0) {
		snprintf(why, why_size, "it is bad");
		return -EBADMSG;
	}
	memset(id, spec[4], 32);
	return 0;
}

static const char *lan(void *ctx, const char *spec)
{
	return strcmp(spec, "goodL") == 0 ? NULL : "it names no address";
}

static void members_can_be_met_only_where_the_groupspec_says(void **state)
{
	unsigned n_calls = 0;
	const struct config_hooks hooks = {check, &n_calls, lan};
	struct loaded l;

	expect_with("backend: udp\ngroups:\n  - {name: a, spec: goodA, lan: true}\n", &hooks,
		    "3:33: it names no address\n");
	l = load("backend: udp\ngroups:\n  - {name: a, spec: goodA}\n"
		 "  - {name: b, spec: goodL, lan: true}\n",
		 &hooks);
	assert_int_equal(l.err, 0);
	assert_false(l.cfg->groups[0].is_lan); // off unless it is said
	assert_true(l.cfg->groups[1].is_lan);
	unload(&l);
}

static void each_groupspec_is_looked_into(void **state)
{
	unsigned n_calls = 0;
	const struct config_hooks hooks = {check, &n_calls};
	struct loaded l;

	expect_with("backend: udp\ngroups:\n  - {name: a, spec: bad}\n  - {name: b, spec: good}\n",
		    &hooks, "3:21: not a groupspec: it is bad\n");
	assert_int_equal(n_calls, 2);
	expect("backend: udp\ngroups:\n  - {name: a, spec: bad}\n",
	       ""); // nobody was there to judge
	l = load("backend: udp\ngroups:\n  - {name: a, spec: goodB}\n", &hooks);
	assert_int_equal(l.err, 0);
	assert_string_equal(l.cfg->groups[0].spec, "goodB");
	assert_null(l.cfg->groups[0].file);
	assert_int_equal(l.cfg->groups[0].id[31], 'B');
	unload(&l);
}

static void a_group_is_listed_once(void **state)
{
	unsigned n_calls = 0;
	const struct config_hooks hooks = {check, &n_calls};

	expect_with("backend: udp\ngroups:\n"
		    "  - {name: a, spec: goodA}\n"
		    "  - {name: b, spec: goodB}\n"
		    "  - {name: c, spec: goodAx}\n"
		    "  - {name: b, spec: goodC}\n",
		    &hooks,
		    "5:21: groups[0] is this group already\n"
		    "6:12: groups[1] has this name already\n");
}

static void spec_or_file_and_not_both(void **state)
{
	expect("backend: udp\ngroups:\n  - name: a\n", "3:11: the group needs `spec` or `file`\n");
	expect("backend: udp\ngroups:\n  - {name: a, spec: x, file: y}\n",
	       "3:21: give `spec` or `file`, not both\n");
	expect("backend: udp\ngroups:\n  - {name: a, spec: [x]}\n",
	       "3:21: groups[0].spec: expected a text on one line, found a list\n");
	expect("backend: udp\ngroups:\n  - {name: a, spce: x}\n",
	       "3:15: unknown key `spce` in groups[0]; did you mean `spec`?\n");
	expect("backend: udp\ngroups:\n  - {}\n", "3:5: groups[0]: `name` is missing\n"
						  "3:5: the group needs `spec` or `file`\n");
}

// A directory with one file `g` that holds `n` times `text`.
struct place {
	char dir[40], group[48], config[48];
};

static struct place place_with(const char *text, unsigned n)
{
	struct place p = {.dir = "/tmp/annulus-groups-XXXXXX"};
	FILE *f;

	assert_non_null(mkdtemp(p.dir));
	snprintf(p.group, sizeof(p.group), "%s/g", p.dir);
	snprintf(p.config, sizeof(p.config), "%s/a.yaml", p.dir);
	f = fopen(p.group, "w");
	assert_non_null(f);
	while (n-- > 0)
		fputs(text, f);
	fclose(f);
	return p;
}

static void place_remove(const struct place *p)
{
	unlink(p->group);
	rmdir(p->dir);
}

static const char with_file[] = "backend: udp\ngroups:\n  - {name: a, file: g}\n";

static void a_groupspec_may_have_a_file_of_its_own(void **state)
{
	struct place p = place_with("\n goodA \r\n\n", 1);
	unsigned n_calls = 0;
	const struct config_hooks hooks = {check, &n_calls};
	const struct config *cfg;

	assert_int_equal(
		config_load_text(p.config, with_file, strlen(with_file), &hooks, stderr, &cfg), 0);
	assert_string_equal(cfg->groups[0].spec, "goodA");
	assert_string_equal(cfg->groups[0].file, p.group);
	assert_int_equal(cfg->groups[0].id[0], 'A');
	config_destroy(cfg);
	place_remove(&p);
}

static void what_a_group_file_holds_is_judged(void **state)
{
	static const struct {
		const char *text;
		unsigned n;
		const char *why; // %s: the file
	} rows[] = {
		{"", 1, "%s is empty"},
		{" \n", 3, "%s is empty"},
		{"bad", 1, "in %s: not a groupspec: it is bad"},
		{"good", 2000, "cannot read %s: too large"},
	};
	unsigned n_calls = 0;
	const struct config_hooks hooks = {check, &n_calls};

	for (size_t i = 0; i < N(rows); i++) {
		struct place p = place_with(rows[i].text, rows[i].n);
		const char *hole = strstr(rows[i].why, "%s");
		const struct config *cfg;
		char wanted[200], *got;
		size_t len;
		FILE *f = open_memstream(&got, &len);

		assert_int_equal(
			config_load_text(p.config, with_file, strlen(with_file), &hooks, f, &cfg),
			-EINVAL);
		fclose(f);
		snprintf(wanted, sizeof(wanted), "%s:3:21: error: %.*s%s%s\n", p.config,
			 (int)(hole - rows[i].why), rows[i].why, p.group, hole + 2);
		got[strlen(wanted)] = 0;
		assert_string_equal(got, wanted);
		free(got);
		place_remove(&p);
	}
}

static void a_group_file_that_cannot_be_read_is_named(void **state)
{
	expect("backend: udp\ngroups:\n"
	       "  - {name: a, file: nope}\n"
	       "  - {name: b, file: /tmp}\n"
	       "  - {name: c, file: /dev/zero}\n",
	       "3:21: cannot read ./nope: No such file or directory\n"
	       "4:21: cannot read /tmp: Is a directory\n"
	       "5:21: cannot read /dev/zero: not a regular file\n");
}

static void a_groups_limits_lie_inside_those_of_all(void **state)
{
	struct loaded l;

	expect("backend: udp\nlimits: {neighbours_per_group: 10}\ngroups:\n"
	       "  - {name: a, spec: x, neighbours: 11, streams: 65}\n",
	       "4:36: 11 is more than limits.neighbours_per_group, 10\n"
	       "4:49: 65 is more than limits.streams_per_group, 64\n");
	expect("backend: udp\nlimits: {groups: 1}\ngroups:\n"
	       "  - {name: a, spec: x}\n  - {name: b, spec: y}\n",
	       "4:3: 2 groups are listed, limits.groups is 1\n");
	l = load("backend: udp\nlimits: {neighbours_per_group: 10}\ngroups:\n"
		 "  - {name: a, spec: x, members: 5, bandwidth: 5Mbit/s}\n",
		 NULL);
	assert_int_equal(l.err, 0);
	assert_int_equal(l.cfg->groups[0].members, 5);
	assert_int_equal(l.cfg->groups[0].neighbours, 10); // 0 stands for the limit of all
	assert_int_equal(l.cfg->groups[0].streams, l.cfg->limits.streams_per_group);
	assert_int_equal(l.cfg->groups[0].bandwidth_bits, 5000000);
	unload(&l);
}

// MC-31: what is announced late cannot be fetched in time.
static void publishers_are_peer_ids(void **state)
{
#define ID32 "0123456789abcdefABCDEF0123456789"
	struct loaded l;

	expect("backend: udp\ngroups:\n  - {name: a, spec: good, publishers: [" ID32 ID32 ", " ID32
	       "]}\n",
	       "3:39: " ID32 " is no peer ID (64 hex digits)\n");
	expect("backend: udp\ngroups:\n  - {name: a, spec: good, publishers: [" ID32 "x" ID32
	       "]}\n",
	       "3:39: " ID32 "x" ID32 " is no peer ID (64 hex digits)\n");
	l = load("backend: udp\ngroups:\n  - {name: a, spec: good, publishers: [" ID32 ID32 "]}\n",
		 NULL);
	assert_int_equal(l.err, 0);
	assert_int_equal(l.cfg->groups[0].n_publishers, 1);
	assert_string_equal(l.cfg->groups[0].publishers[0], ID32 ID32);
	unload(&l);
#undef ID32
}

static void periods_are_in_order(void **state)
{
	expect("backend: udp\ngroups:\n"
	       "  - {name: a, spec: x, multicast: {window: 1s, fetch_period: 250ms, "
	       "availability_period: 20ms}}\n",
	       "");
	expect("backend: udp\ngroups:\n"
	       "  - {name: a, spec: x, multicast: {fetch_period: 100ms}}\n",
	       "3:50: availability_period must be shorter than fetch_period\n");
	expect("backend: udp\ngroups:\n"
	       "  - {name: a, spec: x, multicast: {window: 250ms}}\n",
	       "3:44: fetch_period must be shorter than window\n");
}

// MC-33: what is not given, and nothing else.
static void a_preset_is_for_what_is_not_given(void **state)
{
	static const struct {
		const char *claim, *keys;
		uint64_t window_ms, fetch_ms, availability_ms;
	} rows[] = {
		{"none", "fetch_period: 300ms", 120000, 300, 100},
		{"default", "preset: default", 120000, 250, 100},
		{"low", "preset: low", 3000, 80, 50},
		{"ultra-low", "preset: ultra-low", 1000, 25, 20},
		{"low, and a window", "preset: low, window: 8s", 8000, 80, 50},
		{"the default, said", "fetch_period: 250ms, preset: low", 3000, 250, 50},
	};
	char text[256];

	for (size_t i = 0; i < N(rows); i++) {
		const struct config_multicast *m;
		struct loaded l;

		snprintf(text, sizeof(text),
			 "backend: udp\ngroups:\n  - {name: a, spec: x, multicast: {%s}}\n",
			 rows[i].keys);
		l = load(text, NULL);
		if (l.err != 0)
			fail_msg("%s: %s", rows[i].claim, l.errors);
		m = &l.cfg->groups[0].multicast;
		if (m->window_us != rows[i].window_ms * 1000 ||
		    m->fetch_period_us != rows[i].fetch_ms * 1000 ||
		    m->availability_period_us != rows[i].availability_ms * 1000)
			fail_msg("%s", rows[i].claim);
		unload(&l);
	}
	expect("backend: udp\ngroups:\n  - {name: a, spec: x, multicast: {preset: low, "
	       "availability_period: 100ms}}\n",
	       "3:70: availability_period must be shorter than fetch_period\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_groupspec_is_looked_into),
		cmocka_unit_test(a_preset_is_for_what_is_not_given),
		cmocka_unit_test(members_can_be_met_only_where_the_groupspec_says),
		cmocka_unit_test(a_group_is_listed_once),
		cmocka_unit_test(spec_or_file_and_not_both),
		cmocka_unit_test(a_groupspec_may_have_a_file_of_its_own),
		cmocka_unit_test(what_a_group_file_holds_is_judged),
		cmocka_unit_test(a_group_file_that_cannot_be_read_is_named),
		cmocka_unit_test(a_groups_limits_lie_inside_those_of_all),
		cmocka_unit_test(publishers_are_peer_ids),
		cmocka_unit_test(periods_are_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
