#include "tests/unit/config/config_test.h"

#include "config/yaml.h"

static const struct yaml_limits roomy = {1000, 16};

struct parsed {
	struct arena arena;
	const struct yaml_node *root;
	struct yaml_error error;
	int err;
};

static struct parsed parse(const char *text, const struct yaml_limits *limits)
{
	struct parsed p = {0};
	size_t len = strlen(text);
	char *exact = malloc(len + 1);

	memcpy(exact, text, len);
	exact[len] = 'x'; // what lies behind the text is not read
	p.err = yaml_parse(&p.arena, exact, len, limits, &p.root, &p.error);
	memset(exact, 0, len);
	free(exact); // and the tree does not need it any more
	return p;
}

static void assert_place(const struct yaml_node *n, uint32_t line, uint32_t column, uint32_t width)
{
	assert_non_null(n);
	assert_int_equal(n->place.line, line);
	assert_int_equal(n->place.column, column);
	assert_int_equal(n->place.width, width);
}

static void a_tree_keeps_order_text_and_place(void **state)
{
	struct parsed p = parse("a: 1\n"
				"list:\n"
				"  - x: \"q r\"\n"
				"    y: plain text # remark\n"
				"  - [é, 'b']\n",
				&roomy);
	const struct yaml_node *list, *map, *pair;

	assert_int_equal(p.err, 0);
	assert_int_equal(p.root->kind, YAML_MAP);
	assert_int_equal(p.root->n_items, 2);
	assert_true(yaml_text_is(yaml_get(p.root, "a"), "1"));
	assert_place(yaml_get(p.root, "a"), 1, 4, 1);
	assert_place(yaml_get(p.root, "list")->key, 2, 1, 4);

	list = yaml_get(p.root, "list");
	assert_int_equal(list->kind, YAML_LIST);
	map = list->first;
	assert_place(yaml_get(map, "x"), 3, 8, 5); // with its quotes
	assert_true(yaml_get(map, "x")->is_quoted);
	assert_true(yaml_text_is(yaml_get(map, "y"), "plain text"));
	assert_false(yaml_get(map, "y")->is_quoted);
	assert_null(yaml_get(map, "z"));

	pair = map->next;
	assert_null(pair->next);
	assert_place(pair->first, 5, 6, 1); // columns are characters, é is one
	assert_place(pair->first->next, 5, 9, 3);
	arena_free(&p.arena);
}

static void json_is_read_too(void **state)
{
	struct parsed p = parse("{\"ok\":true,\"result\":{\"a\":[1,\"\\u00e9\\n\"]}}", &roomy);
	const struct yaml_node *a = yaml_get(yaml_get(p.root, "result"), "a");

	assert_int_equal(p.err, 0);
	assert_true(yaml_text_is(yaml_get(p.root, "ok"), "true"));
	assert_true(yaml_text_is(a->first, "1"));
	assert_true(yaml_text_is(a->first->next, "é\n"));
	arena_free(&p.arena);
}

static void what_is_not_there_has_the_place_of_its_key(void **state)
{
	struct parsed p = parse("a:\n  b:\n  c: ~\n", &roomy);
	const struct yaml_node *a = yaml_get(p.root, "a");

	assert_int_equal(p.err, 0);
	assert_true(yaml_is_null(yaml_get(a, "b")));
	assert_place(yaml_get(a, "b"), 2, 3, 1);
	assert_true(yaml_is_null(yaml_get(a, "c")));
	assert_false(yaml_is_null(a));
	arena_free(&p.arena);
}

static void an_empty_text_has_no_tree(void **state)
{
	static const char *const empty[] = {"", "\n", "# only a remark\n"};

	for (size_t i = 0; i < N(empty); i++) {
		struct parsed p = parse(empty[i], &roomy);

		assert_int_equal(p.err, 0);
		assert_true(p.root == NULL || yaml_is_null(p.root));
		arena_free(&p.arena);
	}
}

static void what_could_surprise_a_reader_is_refused_with_its_place(void **state)
{
	static const struct {
		const char *text, *why;
		uint32_t line, column;
	} rows[] = {
		{"a: 1\nb: *x\n", "aliases (*x) are not understood here", 2, 5},
		{"a: &x 1\n", "anchors (&x) and tags (!x) are not understood here", 1, 7},
		{"a: !!int 1\n", "anchors (&x) and tags (!x) are not understood here", 1, 10},
		{"a: &x [1]\n", "anchors (&x) and tags (!x) are not understood here", 1, 7},
		{"a: !t\n  b: 1\n", "anchors (&x) and tags (!x) are not understood here", 2, 3},
		{"{[a]: 1}\n", "a key must be a word, not a list or a map", 1, 2},
		{"a: 1\n---\nb: 2\n", "a second document begins here", 2, 1},
		{"a: 1\nb: \xe9\n", "this octet is not UTF-8", 2, 4},
		{"a: 1\n é: \x07\n", "a control character", 2, 5},
		{"? a:\t:", "complex keys (?) are not understood here", 1, 1},
		{"a: 1\nb:\n  - ? c\n", "complex keys (?) are not understood here", 3, 5},
		{"a: 1\r?\n  a:\t:", "complex keys (?) are not understood here", 1, 6},
		{"\xef\xbb\xbf?", "complex keys (?) are not understood here", 1, 1},
		{"%YAML 1.1\n---\na: 1\n", "directives (%) are not understood here", 1, 1},
		{"%\xe7\xf6\n", "directives (%) are not understood here", 1, 1},
		{"a: [1, 2\n", "flow sequence without a closing bracket", 2, 1},
		{"a: \"x\n", "double-quoted scalar without closing quote", 1, 5},
		{"a:\n  b: 1\n c: 2\n", "invalid indentation in mapping", 3, 2},
	};

	for (size_t i = 0; i < N(rows); i++) {
		struct parsed p = parse(rows[i].text, &roomy);

		assert_int_equal(p.err, -EINVAL);
		assert_null(p.root);
		assert_string_equal(p.error.text, rows[i].why);
		assert_int_equal(p.error.place.line, rows[i].line);
		assert_int_equal(p.error.place.column, rows[i].column);
		arena_free(&p.arena);
	}
}

static void depth_and_size_are_bounded(void **state)
{
	static const struct yaml_limits tight = {4, 2};
	struct parsed p = parse("[[1, 2]]", &tight);

	assert_int_equal(p.err, 0); // four nodes, two deep
	arena_free(&p.arena);
	p = parse("[[1, 2, 3]]", &tight);
	assert_int_equal(p.err, -EINVAL);
	assert_string_equal(p.error.text, "too much in one text");
	arena_free(&p.arena);
	p = parse("[[[1]]]", &tight);
	assert_int_equal(p.err, -EINVAL);
	assert_string_equal(p.error.text, "too many levels inside each other");
	arena_free(&p.arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tree_keeps_order_text_and_place),
		cmocka_unit_test(json_is_read_too),
		cmocka_unit_test(what_is_not_there_has_the_place_of_its_key),
		cmocka_unit_test(an_empty_text_has_no_tree),
		cmocka_unit_test(what_could_surprise_a_reader_is_refused_with_its_place),
		cmocka_unit_test(depth_and_size_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
