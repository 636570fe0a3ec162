#include "config/yaml.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <libfyaml.h>

#include "config/utf8.h"

enum { DEPTH_MAX = 32 }; // of the builder's own stack, whatever the caller's limit

// A list or map that is still open.
struct level {
	struct yaml_node *node;
	struct yaml_node *last;
	struct yaml_node *key; // map: read, its value not yet
};

struct builder {
	struct arena *arena;
	const struct yaml_limits *limits;
	struct level stack[DEPTH_MAX];
	unsigned depth;
	size_t n_nodes;
	unsigned n_documents;
	struct yaml_node *root;
	struct yaml_error *error;
};

static int refuse(struct builder *b, struct yaml_place place, const char *why)
{
	b->error->place = place;
	snprintf(b->error->text, sizeof(b->error->text), "%s", why);
	return -EINVAL;
}

static struct yaml_place place_of(struct fy_event *e)
{
	const struct fy_mark *start = fy_event_start_mark(e), *end = fy_event_end_mark(e);
	struct yaml_place p = {0, 0, 1};

	if (start == NULL) // a value that is not there has no place of its own
		return p;
	p.line = (uint32_t)start->line + 1;
	p.column = (uint32_t)start->column + 1;
	if (end != NULL && end->line == start->line && end->column > start->column)
		p.width = (uint32_t)(end->column - start->column);
	return p;
}

static struct yaml_node *node_new(struct builder *b, enum yaml_kind kind, struct fy_event *e)
{
	struct yaml_node *node = arena_alloc(b->arena, sizeof(*node));

	if (node != NULL) {
		node->kind = kind;
		node->place = place_of(e);
		node->text = "";
	}
	return node;
}

static int scalar_new(struct builder *b, struct fy_event *e, struct yaml_node **out)
{
	struct fy_token *token = e->scalar.value;
	struct yaml_node *node = node_new(b, YAML_SCALAR, e);
	enum fy_scalar_style style = FYSS_PLAIN;
	const char *text = NULL;

	if (node == NULL)
		return -ENOMEM;
	if (token != NULL) {
		text = fy_token_get_text(token, &node->len);
		style = fy_token_scalar_style(token);
	}
	node->is_quoted = style != FYSS_PLAIN;
	// Marks lie inside the quotes; people look for the quotes.
	if ((style == FYSS_SINGLE_QUOTED || style == FYSS_DOUBLE_QUOTED) &&
	    node->place.column > 1) {
		node->place.column--;
		node->place.width += node->len == 0 ? 1 : 2;
	}
	if (text == NULL)
		node->len = 0;
	node->text = arena_copy(b->arena, text, node->len);
	*out = node;
	return node->text == NULL ? -ENOMEM : 0;
}

// Nothing stands nowhere: its key does, or the item before it.
static void place_settle(const struct level *up, struct yaml_node *node)
{
	if (node->place.line != 0)
		return;
	if (up == NULL)
		node->place = (struct yaml_place){1, 1, 1};
	else if (up->key != NULL)
		node->place = up->key->place;
	else
		node->place = up->last != NULL ? up->last->place : up->node->place;
}

// Hangs a finished scalar, or a list or map that begins, where it belongs.
static int node_place(struct builder *b, struct yaml_node *node)
{
	struct level *up = b->depth > 0 ? &b->stack[b->depth - 1] : NULL;

	place_settle(up, node);
	if (++b->n_nodes > b->limits->nodes)
		return refuse(b, node->place, "too much in one text");
	if (up == NULL) {
		b->root = node;
		return 0;
	}
	if (up->node->kind == YAML_MAP && up->key == NULL) {
		if (node->kind != YAML_SCALAR)
			return refuse(b, node->place, "a key must be a word, not a list or a map");
		up->key = node;
		return 0;
	}
	node->key = up->key;
	up->key = NULL;
	if (up->last == NULL)
		up->node->first = node;
	else
		up->last->next = node;
	up->last = node;
	up->node->n_items++;
	return 0;
}

static int level_begin(struct builder *b, enum yaml_kind kind, struct fy_event *e)
{
	struct yaml_node *node = node_new(b, kind, e);
	int err;

	if (node == NULL)
		return -ENOMEM;
	if (b->depth == DEPTH_MAX || b->depth == b->limits->depth)
		return refuse(b, node->place, "too many levels inside each other");
	err = node_place(b, node);
	if (err == 0)
		b->stack[b->depth++] = (struct level){.node = node};
	return err;
}

static int on_scalar(struct builder *b, struct fy_event *e)
{
	struct yaml_node *node;
	int err;

	if (e->scalar.anchor != NULL || e->scalar.tag != NULL)
		return refuse(b, place_of(e), "anchors (&x) and tags (!x) are not understood here");
	err = scalar_new(b, e, &node);
	return err != 0 ? err : node_place(b, node);
}

static int on_event(struct builder *b, struct fy_event *e)
{
	switch (e->type) {
	case FYET_DOCUMENT_START:
		if (++b->n_documents > 1)
			return refuse(b, place_of(e), "a second document begins here");
		return 0;
	case FYET_MAPPING_START:
		if (e->mapping_start.anchor != NULL || e->mapping_start.tag != NULL)
			return refuse(b, place_of(e),
				      "anchors (&x) and tags (!x) are not understood here");
		return level_begin(b, YAML_MAP, e);
	case FYET_SEQUENCE_START:
		if (e->sequence_start.anchor != NULL || e->sequence_start.tag != NULL)
			return refuse(b, place_of(e),
				      "anchors (&x) and tags (!x) are not understood here");
		return level_begin(b, YAML_LIST, e);
	case FYET_MAPPING_END:
	case FYET_SEQUENCE_END:
		if (b->depth > 0)
			b->depth--;
		return 0;
	case FYET_SCALAR:
		return on_scalar(b, e);
	case FYET_ALIAS:
		return refuse(b, place_of(e), "aliases (*x) are not understood here");
	default:
		return 0;
	}
}

// "? " where a key or an item may begin: a key that is a list or a map itself.
static bool is_complex_key(uint32_t c, bool is_first, const char *after, const char *end)
{
	return c == '?' && is_first && (after == end || strchr(" \t\r\n", *after) != NULL);
}

// YAML 1.2 §5.1: what may stand in a text at all. The scanner below does not survive everything
// else, so it never sees it (libfyaml 0.7.12 runs for ever on a directive with broken UTF-8, and
// dies of a tab in a complex key: "? a:\t:"); and nobody needs directives or such keys in settings.
static int check_octets(struct builder *b, const char *text, size_t len)
{
	struct yaml_place place = {1, 1, 1};
	bool is_first = true; // nothing but space and marks of items so far in its line
	uint32_t c;

	for (size_t i = 0, n; i < len; i += n) {
		n = utf8_read(&c, text + i, len - i);
		if (n == 0)
			return refuse(b, place, "this octet is not UTF-8");
		if ((c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7f)
			return refuse(b, place, "a control character");
		if (c == '%' && place.column == 1)
			return refuse(b, place, "directives (%) are not understood here");
		if (is_complex_key(c, is_first, text + i + n, text + len))
			return refuse(b, place, "complex keys (?) are not understood here");
		if (c == '\n' || c == '\r')
			is_first = true;
		else if (c >= 0x80 || strchr(" \t-:", (int)c) == NULL)
			is_first = i == 0 && c == 0xfeff;
		place.column++;
		if (c == '\n') {
			place.line++;
			place.column = 1;
		}
		if (i == 0 && c == 0xfeff) // byte order mark
			place.column = 1;
	}
	return 0;
}

static void output_ignore(struct fy_diag *diag, void *user, const char *buf, size_t len)
{
}

static struct fy_diag *diag_new(void)
{
	struct fy_diag_cfg cfg;
	struct fy_diag *diag;

	fy_diag_cfg_default(&cfg);
	cfg.fp = NULL;
	cfg.output_fn = output_ignore;
	diag = fy_diag_create(&cfg);
	if (diag != NULL)
		fy_diag_set_collect_errors(diag, true);
	return diag;
}

// The scanner gave up: its first complaint is ours.
static int refuse_syntax(struct builder *b, struct fy_diag *diag)
{
	struct yaml_place place = {1, 1, 1};
	void *iter = NULL;
	struct fy_diag_error *e = fy_diag_errors_iterate(diag, &iter);

	if (e == NULL)
		return refuse(b, place, "not YAML");
	if (e->line > 0 && e->column > 0) {
		place.line = (uint32_t)e->line;
		place.column = (uint32_t)e->column;
	}
	return refuse(b, place, e->msg != NULL ? e->msg : "not YAML");
}

static int read_events(struct builder *b, struct fy_parser *parser, struct fy_diag *diag)
{
	struct fy_event *e;
	int err = 0;

	while (err == 0 && (e = fy_parser_parse(parser)) != NULL) {
		err = on_event(b, e);
		fy_parser_event_free(parser, e);
	}
	if (err == 0 && fy_parser_get_stream_error(parser))
		err = refuse_syntax(b, diag);
	return err;
}

int yaml_parse(struct arena *a, const char *text, size_t len, const struct yaml_limits *limits,
	       const struct yaml_node **root, struct yaml_error *error)
{
	struct builder b = {.arena = a, .limits = limits, .error = error};
	struct fy_diag *diag = diag_new();
	// mmap and accelerators are for large files.
	struct fy_parse_cfg cfg = {
		.flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG | FYPCF_DISABLE_MMAP_OPT, .diag = diag};
	struct fy_parser *parser = diag != NULL ? fy_parser_create(&cfg) : NULL;
	int err = -ENOMEM;

	*root = NULL;
	memset(error, 0, sizeof(*error));
	if (parser == NULL)
		goto out;
	if (len == 0) { // libfyaml takes a length of 0 for "until the zero octet"
		err = 0;
		goto out;
	}
	err = check_octets(&b, text, len);
	if (err != 0)
		goto out;
	err = fy_parser_set_string(parser, text, len) != 0 ? -ENOMEM : 0;
	if (err == 0)
		err = read_events(&b, parser, diag);
	if (err == 0)
		*root = b.root;
out:
	fy_parser_destroy(parser);
	fy_diag_destroy(diag);
	return err;
}

const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key)
{
	if (map == NULL || map->kind != YAML_MAP)
		return NULL;
	for (const struct yaml_node *n = map->first; n != NULL; n = n->next)
		if (yaml_text_is(n->key, key))
			return n;
	return NULL;
}

bool yaml_is_null(const struct yaml_node *node)
{
	if (node->kind != YAML_SCALAR || node->is_quoted)
		return false;
	return node->len == 0 || yaml_text_is(node, "~") || yaml_text_is(node, "null");
}

bool yaml_text_is(const struct yaml_node *node, const char *text)
{
	return node->kind == YAML_SCALAR && node->len == strlen(text) &&
	       memcmp(node->text, text, node->len) == 0;
}
