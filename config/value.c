#include "config/value.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "config/config.h"
#include "config/cpus.h"
#include "config/suggest.h"
#include "config/units.h"

// One value on its way; keeps argument lists short.
struct job {
	const struct value_ctx *ctx;
	const struct schema_key *key;
	const char *label;
	const struct yaml_node *node;
	void *field;
};

static const char *const expected[] = {
	[SCHEMA_BOOL] = "true or false",
	[SCHEMA_COUNT] = "a whole number",
	[SCHEMA_DURATION] = "a duration such as 15s (us, ms, s, min, h)",
	[SCHEMA_SIZE] = "a size such as 64MiB (B, KiB, MiB, GiB, kB, MB, GB)",
	[SCHEMA_RATE] = "a rate such as 2Mbit/s (bit/s, kbit/s, Mbit/s, Gbit/s)",
	[SCHEMA_CHOICE] = "a word",
	[SCHEMA_ORDER] = "a list of words",
	[SCHEMA_NAME] = "a name of letters, digits, `_`, `.` and `-`",
	[SCHEMA_TEXT] = "a text on one line",
	[SCHEMA_PATH] = "a path",
	[SCHEMA_CPUS] = "a list of different cores such as 1-3,5",
	[SCHEMA_ADDRESS] = "an IP address such as 10.0.0.1",
	[SCHEMA_TEXTS] = "a list of texts",
	[SCHEMA_ADDRESSES] = "a list of addresses such as 10.0.0.1 or 10.0.0.1:1935",
	[SCHEMA_NETS] = "a list of addresses or networks such as 10.0.0.1 or 10.0.0.0/8",
	[SCHEMA_PREFIXES] =
		"an address with its prefix length such as 10.0.0.1/24, or a list of such",
	[SCHEMA_HOSTS] = "an IP address such as 10.0.0.1, none, or a list of such",
};

static int refuse_form(const struct job *j, const struct yaml_node *node, const char *what)
{
	if (node->kind == YAML_LIST)
		diag_add(j->ctx->diag, node->place, "%s: expected %s, found a list", j->label,
			 what);
	else if (node->kind == YAML_MAP)
		diag_add(j->ctx->diag, node->place, "%s: expected %s, found keys and values",
			 j->label, what);
	else if (yaml_is_null(node))
		diag_add(j->ctx->diag, node->place, "%s: expected %s, found nothing", j->label,
			 what);
	else
		diag_add(j->ctx->diag, node->place, "%s: expected %s, found %s`%.60s`", j->label,
			 what, node->is_quoted ? "the text " : "", node->text);
	return -EINVAL;
}

static int refuse(const struct job *j)
{
	return refuse_form(j, j->node, expected[j->key->type]);
}

// ---- numbers ----------------------------------------------------------------------------------

static int number_parse(enum schema_type type, uint64_t *v, const char *text, size_t len)
{
	switch (type) {
	case SCHEMA_COUNT:
		return units_parse_count(v, text, len);
	case SCHEMA_DURATION:
		return units_parse_duration(v, text, len);
	case SCHEMA_SIZE:
		return units_parse_size(v, text, len);
	default:
		return units_parse_rate(v, text, len);
	}
}

void value_print_number(enum schema_type type, char out[UNITS_TEXT_SIZE], uint64_t v)
{
	if (type == SCHEMA_COUNT)
		snprintf(out, UNITS_TEXT_SIZE, "%" PRIu64, v);
	else if (type == SCHEMA_DURATION)
		units_print_duration(out, v);
	else if (type == SCHEMA_SIZE)
		units_print_size(out, v);
	else if (v == CONFIG_UNLIMITED)
		snprintf(out, UNITS_TEXT_SIZE, "unlimited");
	else
		units_print_rate(out, v);
}

static int refuse_range(const struct job *j)
{
	char min[UNITS_TEXT_SIZE], max[UNITS_TEXT_SIZE];

	value_print_number(j->key->type, min, j->key->min);
	value_print_number(j->key->type, max, j->key->max);
	diag_add(j->ctx->diag, j->node->place, "%s: %.60s is out of range: %s to %s", j->label,
		 j->node->text, min, max);
	return -EINVAL;
}

static int store_number(const struct job *j)
{
	const struct schema_key *key = j->key;
	uint64_t v = 0;
	int err;

	if (j->node->kind != YAML_SCALAR || j->node->is_quoted || yaml_is_null(j->node))
		return refuse(j);
	if (key->type == SCHEMA_RATE && key->max == CONFIG_UNLIMITED &&
	    yaml_text_is(j->node, "unlimited")) {
		*(uint64_t *)j->field = CONFIG_UNLIMITED;
		return 0;
	}
	err = number_parse(key->type, &v, j->node->text, j->node->len);
	if (err == -EINVAL)
		return refuse(j);
	if (err != 0 || v < key->min || v > key->max)
		return refuse_range(j);
	*(uint64_t *)j->field = v;
	return 0;
}

// ---- words ------------------------------------------------------------------------------------

const char *value_choice(const char *choices, unsigned index, size_t *len)
{
	const char *end;

	for (; index > 0; index--) {
		choices = strchr(choices, '|');
		if (choices == NULL)
			return NULL;
		choices++;
	}
	end = strchr(choices, '|');
	*len = end != NULL ? (size_t)(end - choices) : strlen(choices);
	return choices;
}

static int choice_find(const char *choices, const char *word, size_t len)
{
	const char *choice;
	size_t choice_len;

	for (unsigned i = 0; (choice = value_choice(choices, i, &choice_len)) != NULL; i++)
		if (choice_len == len && memcmp(choice, word, len) == 0)
			return (int)i;
	return -1;
}

void value_print_choices(const char *choices, char *out, size_t size)
{
	size_t n = 0;

	for (const char *c = choices; *c != 0 && n + 3 < size; c++)
		n += (size_t)snprintf(out + n, size - n, *c == '|' ? ", " : "%c", *c);
}

static int refuse_choice(const struct job *j, const struct yaml_node *node)
{
	char choices[96], what[128];

	value_print_choices(j->key->choices, choices, sizeof(choices));
	snprintf(what, sizeof(what), "one of %s", choices);
	return refuse_form(j, node, what);
}

static int store_bool(const struct job *j)
{
	bool is_true = yaml_text_is(j->node, "true");

	if (j->node->is_quoted || (!is_true && !yaml_text_is(j->node, "false")))
		return refuse(j);
	*(bool *)j->field = is_true;
	return 0;
}

static int store_choice(const struct job *j)
{
	int i = -1;

	if (j->node->kind == YAML_SCALAR)
		i = choice_find(j->key->choices, j->node->text, j->node->len);
	if (i < 0)
		return refuse_choice(j, j->node);
	*(unsigned *)j->field = (unsigned)i;
	return 0;
}

static bool order_has(const struct config_order *o, unsigned word)
{
	for (unsigned i = 0; i < o->n; i++)
		if (o->words[i] == word)
			return true;
	return false;
}

// A word stands there once at most and a row has no more words than an order has room for, so that
// nothing is left over.
static int store_order(const struct job *j)
{
	struct config_order order = {0};
	int err = 0;

	if (j->node->kind != YAML_LIST)
		return refuse(j);
	for (const struct yaml_node *item = j->node->first; item != NULL; item = item->next) {
		int i = -1;

		if (item->kind == YAML_SCALAR)
			i = choice_find(j->key->choices, item->text, item->len);
		if (i < 0) {
			err = refuse_choice(j, item);
		} else if (order_has(&order, (unsigned)i)) {
			diag_add(j->ctx->diag, item->place, "%s: %s stands here twice", j->label,
				 item->text);
			err = -EINVAL;
		} else {
			assert(order.n < CONFIG_ORDER_MAX);
			order.words[order.n++] = (unsigned)i;
		}
	}
	if (err == 0 && order.n == 0) {
		diag_add(j->ctx->diag, j->node->place, "%s: at least one must be listed", j->label);
		err = -EINVAL;
	}
	if (err == 0)
		*(struct config_order *)j->field = order;
	return err;
}

// ---- texts ------------------------------------------------------------------------------------

static bool is_name(const char *text, size_t len)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789_.-";

	for (size_t i = 0; i < len; i++)
		if (memchr(allowed, text[i], sizeof(allowed) - 1) == NULL)
			return false;
	return true;
}

static bool is_line(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			return false;
	return true;
}

static bool is_cpus(const char *text, size_t len)
{
	uint16_t cores[CPUS_MAX];
	unsigned n;

	return cpus_parse(cores, CPUS_MAX, &n, text, len) == 0;
}

static bool is_text_of(enum schema_type type, const char *text, size_t len)
{
	if (!is_line(text, len))
		return false;
	return type == SCHEMA_NAME ? is_name(text, len) : type != SCHEMA_CPUS || is_cpus(text, len);
}

static int refuse_length(const struct job *j, const struct yaml_node *node, uint64_t min,
			 uint64_t max)
{
	if (node->len < min)
		diag_add(j->ctx->diag, node->place, "%s: must not be empty", j->label);
	else
		diag_add(j->ctx->diag, node->place,
			 "%s: %zu characters are too many, %" PRIu64 " is the most", j->label,
			 node->len, max);
	return -EINVAL;
}

// A path of the file's own directory unless it is absolute; "" and the word stderr stay what they
// are.
static int path_copy(const struct job *j, const char **out)
{
	const struct yaml_node *node = j->node;
	size_t dir_len = strlen(j->ctx->dir), len = node->len;
	char *path;

	if (len == 0 || node->text[0] == '/' || dir_len == 0 ||
	    (j->key->dflt != NULL && yaml_text_is(node, "stderr") &&
	     strcmp(j->key->dflt, "stderr") == 0)) {
		*out = arena_copy(j->ctx->arena, node->text, len);
		return *out == NULL ? -ENOMEM : 0;
	}
	path = arena_alloc(j->ctx->arena, dir_len + 1 + len + 1);
	if (path == NULL)
		return -ENOMEM;
	memcpy(path, j->ctx->dir, dir_len);
	path[dir_len] = '/';
	memcpy(path + dir_len + 1, node->text, len);
	*out = path;
	return 0;
}

static int store_path(const struct job *j)
{
	const char *path;
	int err = path_copy(j, &path);

	if (err != 0)
		return err;
	if (strlen(path) > j->key->max) {
		diag_add(j->ctx->diag, j->node->place,
			 "%s: %.200s has %zu characters, %" PRIu64 " is the most", j->label, path,
			 strlen(path), j->key->max);
		return -EINVAL;
	}
	*(const char **)j->field = path;
	return 0;
}

static int store_text(const struct job *j)
{
	const struct schema_key *key = j->key;
	const struct yaml_node *node = j->node;
	const char *copy;

	if (node->kind != YAML_SCALAR || yaml_is_null(node))
		return refuse(j);
	if (node->len < key->min || node->len > key->max)
		return refuse_length(j, node, key->min, key->max);
	if (!is_text_of(key->type, node->text, node->len))
		return refuse(j);
	if (key->type == SCHEMA_PATH)
		return store_path(j);
	copy = arena_copy(j->ctx->arena, node->text, node->len);
	if (copy == NULL)
		return -ENOMEM;
	*(const char **)j->field = copy;
	return 0;
}

// ---- addresses --------------------------------------------------------------------------------

static int store_address(const struct job *j)
{
	const struct yaml_node *node = j->node;
	struct config_addr a = {0};
	int err = -EINVAL;

	if (node->kind == YAML_SCALAR)
		err = address_parse(&a, node->text, node->len);
	if (err != 0 && j->key->dflt != NULL && strcmp(j->key->dflt, "none") == 0 &&
	    yaml_text_is(node, "none"))
		err = 0;
	if (err != 0)
		return refuse(j);
	*(struct config_addr *)j->field = a;
	return 0;
}

// ---- lists ------------------------------------------------------------------------------------

static bool may_be_single(const struct job *j)
{
	return j->key->type == SCHEMA_PREFIXES || j->key->type == SCHEMA_HOSTS;
}

static int list_check(const struct job *j)
{
	if (j->node->kind != YAML_LIST)
		return refuse(j);
	if (j->node->n_items == 0 && j->key->dflt == NULL) {
		diag_add(j->ctx->diag, j->node->place, "%s: at least one must be listed", j->label);
		return -EINVAL;
	}
	if (j->node->n_items > j->key->max) {
		diag_add(j->ctx->diag, j->node->place,
			 "%s: %u are too many, %" PRIu64 " is the most", j->label, j->node->n_items,
			 j->key->max);
		return -EINVAL;
	}
	return 0;
}

static int text_item(const struct job *j, const struct yaml_node *item, const char **out)
{
	enum { TEXT_MAX = 255 };

	if (item->kind != YAML_SCALAR || yaml_is_null(item) || !is_line(item->text, item->len))
		return refuse_form(j, item, expected[SCHEMA_TEXT]);
	if (item->len == 0 || item->len > TEXT_MAX)
		return refuse_length(j, item, 1, TEXT_MAX);
	*out = arena_copy(j->ctx->arena, item->text, item->len);
	return *out == NULL ? -ENOMEM : 0;
}

static int address_item(const struct job *j, const struct yaml_node *item, struct config_addr *out)
{
	if (item->kind == YAML_SCALAR && address_parse_port(out, item->text, item->len) == 0 &&
	    !address_is_any(out))
		return 0;
	return refuse_form(j, item, "an address such as 10.0.0.1 or 10.0.0.1:1935");
}

// A single address is a network of one.
static int net_item(const struct job *j, const struct yaml_node *item, struct config_addr *out)
{
	if (item->kind == YAML_SCALAR && address_parse_prefix(out, item->text, item->len) == 0)
		return 0;
	if (item->kind == YAML_SCALAR && address_parse(out, item->text, item->len) == 0) {
		out->prefix_len = out->family == CONFIG_ADDR_IPV4 ? 32 : 128;
		return 0;
	}
	return refuse_form(j, item, "an address or a network such as 10.0.0.1 or 10.0.0.0/8");
}

static int prefix_item(const struct job *j, const struct yaml_node *item, struct config_addr *out)
{
	if (item->kind == YAML_SCALAR && address_parse_prefix(out, item->text, item->len) == 0)
		return 0;
	return refuse_form(j, item, "an address with its prefix length such as 10.0.0.1/24");
}

static int host_item(const struct job *j, const struct yaml_node *item, struct config_addr *out)
{
	if (item->kind == YAML_SCALAR && address_parse(out, item->text, item->len) == 0)
		return 0;
	return refuse_form(j, item, "an IP address such as 10.0.0.1");
}

static int list_item(const struct job *j, const struct yaml_node *item, void *out)
{
	switch (j->key->type) {
	case SCHEMA_TEXTS:
		return text_item(j, item, out);
	case SCHEMA_NETS:
		return net_item(j, item, out);
	case SCHEMA_PREFIXES:
		return prefix_item(j, item, out);
	case SCHEMA_HOSTS:
		return host_item(j, item, out);
	default:
		return address_item(j, item, out);
	}
}

// One item that stands there without the brackets of a list, or the word none.
static int store_single(const struct job *j, uint32_t *count)
{
	struct config_addr a, *copy;
	int err;

	if (j->key->type == SCHEMA_HOSTS && yaml_text_is(j->node, "none")) {
		*count = 0;
		return 0;
	}
	err = j->key->type == SCHEMA_PREFIXES
		      ? address_parse_prefix(&a, j->node->text, j->node->len)
		      : address_parse(&a, j->node->text, j->node->len);
	if (err != 0)
		return refuse(j);
	copy = arena_alloc(j->ctx->arena, sizeof(a));
	if (copy == NULL)
		return -ENOMEM;
	*copy = a;
	*(struct config_addr **)j->field = copy;
	*count = 1;
	return 0;
}

static int store_list(const struct job *j, uint32_t *count)
{
	bool is_texts = j->key->type == SCHEMA_TEXTS;
	size_t size = is_texts ? sizeof(const char *) : sizeof(struct config_addr);
	uint32_t n = 0;
	int err, item_err;
	void *items;

	if (may_be_single(j) && j->node->kind == YAML_SCALAR)
		return store_single(j, count);
	err = list_check(j);
	if (err != 0)
		return err;
	items = arena_alloc(j->ctx->arena, size * j->node->n_items);
	if (items == NULL)
		return -ENOMEM;
	for (const struct yaml_node *item = j->node->first; item != NULL; item = item->next, n++) {
		item_err = list_item(j, item, (char *)items + n * size);
		if (item_err == -ENOMEM)
			return item_err;
		err = err != 0 ? err : item_err;
	}
	if (err != 0)
		return err;
	*(void **)j->field = items;
	*count = n;
	return 0;
}

// ---- the door ---------------------------------------------------------------------------------

int value_store(const struct value_ctx *ctx, const struct schema_key *key, const char *label,
		const struct yaml_node *node, void *base)
{
	struct job j = {ctx, key, label, node, (char *)base + key->offset};

	switch (key->type) {
	case SCHEMA_BOOL:
		return store_bool(&j);
	case SCHEMA_COUNT:
	case SCHEMA_DURATION:
	case SCHEMA_SIZE:
	case SCHEMA_RATE:
		return store_number(&j);
	case SCHEMA_CHOICE:
		return store_choice(&j);
	case SCHEMA_ORDER:
		return store_order(&j);
	case SCHEMA_NAME:
	case SCHEMA_TEXT:
	case SCHEMA_PATH:
	case SCHEMA_CPUS:
		return store_text(&j);
	case SCHEMA_ADDRESS:
		return store_address(&j);
	case SCHEMA_TEXTS:
	case SCHEMA_ADDRESSES:
	case SCHEMA_NETS:
	case SCHEMA_PREFIXES:
	case SCHEMA_HOSTS:
		return store_list(&j, (uint32_t *)((char *)base + key->count_offset));
	case SCHEMA_SECTION:
	case SCHEMA_BLOCKS:
		break;
	}
	assert(!"sections and blocks hold no value");
	return -EINVAL;
}

int value_store_default(const struct value_ctx *ctx, const struct schema_key *key, void *base)
{
	struct yaml_node node = {.kind = YAML_SCALAR, .text = key->dflt};
	void *field = (char *)base + key->offset;
	int err;

	if (key->dflt == NULL)
		return 0;
	node.len = strlen(key->dflt);
	if (key->type == SCHEMA_ORDER) {
		struct config_order *order = field;
		const char *word;
		size_t len;

		for (order->n = 0; (word = value_choice(key->dflt, order->n, &len)) != NULL;
		     order->n++)
			order->words[order->n] = (unsigned)choice_find(key->choices, word, len);
		return 0;
	}
	if (node.len == 0) { // "", or the empty list, which zeroed memory is already
		if (key->type == SCHEMA_TEXT || key->type == SCHEMA_PATH ||
		    key->type == SCHEMA_CPUS)
			*(const char **)field = "";
		return 0;
	}
	err = value_store(ctx, key, key->path, &node, base);
	assert(err != -EINVAL);
	return err;
}
