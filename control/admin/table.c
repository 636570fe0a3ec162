#include "control/admin/table.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "config/units.h"
#include "control/admin/reply.h"

enum {
	COLUMNS_MAX = 32,
	CELL_SIZE = 256,
	ID_HEX_LEN = 64, // a SHA-256: peer IDs, group IDs
	ID_SHOWN = 12,
};

// ---- one value
// ------------------------------------------------------------------------------------

static bool has_suffix(const char *name, size_t len, const char *suffix)
{
	size_t n = strlen(suffix);

	return len > n && memcmp(name + len - n, suffix, n) == 0;
}

static const char *const unit_suffixes[] = {"_us", "_bytes", "_bits", "_permille"};

// Octets of the name without its unit.
static size_t name_len(const struct yaml_node *name)
{
	for (size_t i = 0; i < sizeof(unit_suffixes) / sizeof(unit_suffixes[0]); i++)
		if (has_suffix(name->text, name->len, unit_suffixes[i]))
			return name->len - strlen(unit_suffixes[i]);
	return name->len;
}

static bool is_number(const struct yaml_node *v)
{
	if (v->kind != YAML_SCALAR || v->is_quoted || v->len == 0)
		return false;
	return (v->text[0] >= '0' && v->text[0] <= '9') || v->text[0] == '-';
}

static bool is_id(const struct yaml_node *v)
{
	return v->is_quoted && v->len == ID_HEX_LEN &&
	       strspn(v->text, "0123456789abcdef") == ID_HEX_LEN;
}

// Returns false if the name has no unit or the number does not fit one.
static bool show_with_unit(char out[CELL_SIZE], const struct yaml_node *name,
			   const struct yaml_node *v)
{
	char text[UNITS_TEXT_SIZE];
	uint64_t n;

	if (name == NULL || !is_number(v) || units_parse_count(&n, v->text, v->len) != 0)
		return false;
	if (has_suffix(name->text, name->len, "_us"))
		units_show_duration(text, n);
	else if (has_suffix(name->text, name->len, "_bytes"))
		units_show_size(text, n);
	else if (has_suffix(name->text, name->len, "_bits"))
		units_show_rate(text, n);
	else if (has_suffix(name->text, name->len, "_permille"))
		snprintf(text, sizeof(text), "%.1f %%", (double)n / 10);
	else
		return false;
	snprintf(out, CELL_SIZE, "%s", text);
	return true;
}

static void show(char out[CELL_SIZE], const struct yaml_node *name, const struct yaml_node *v,
		 bool is_in_table)
{
	if (v == NULL || yaml_is_null(v))
		snprintf(out, CELL_SIZE, "-");
	else if (v->kind != YAML_SCALAR)
		snprintf(out, CELL_SIZE, "(%u)", v->n_items);
	else if (show_with_unit(out, name, v))
		return;
	else if (!v->is_quoted && (yaml_text_is(v, "true") || yaml_text_is(v, "false")))
		snprintf(out, CELL_SIZE, v->text[0] == 't' ? "yes" : "no");
	else
		reply_text(out, CELL_SIZE, v->text, is_in_table && is_id(v) ? ID_SHOWN : v->len);
}

static void show_name(char out[CELL_SIZE], const struct yaml_node *name, bool is_heading)
{
	reply_text(out, CELL_SIZE, name->text, name_len(name));
	for (char *c = out; *c != 0; c++) {
		if (*c == '_')
			*c = ' ';
		else if (is_heading && *c >= 'a' && *c <= 'z')
			*c = (char)(*c - 'a' + 'A');
	}
}

static unsigned width_of(const char *text)
{
	unsigned n = 0;

	for (; *text != 0; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

static void pad(FILE *out, unsigned n)
{
	fprintf(out, "%*s", (int)n, "");
}

// ---- a list of objects
// ----------------------------------------------------------------------------

struct column {
	const struct yaml_node *name;
	unsigned width;
	bool is_left; // some value in it is no number
};

struct columns {
	struct column at[COLUMNS_MAX];
	unsigned n;
};

static struct column *column_of(struct columns *cs, const struct yaml_node *name)
{
	char text[CELL_SIZE];

	for (unsigned i = 0; i < cs->n; i++)
		if (yaml_text_is(cs->at[i].name, name->text))
			return &cs->at[i];
	if (cs->n == COLUMNS_MAX)
		return NULL;
	show_name(text, name, true);
	cs->at[cs->n] = (struct column){name, width_of(text), false};
	return &cs->at[cs->n++];
}

static void columns_measure(struct columns *cs, const struct yaml_node *list)
{
	char text[CELL_SIZE];

	for (const struct yaml_node *row = list->first; row != NULL; row = row->next)
		for (const struct yaml_node *v = row->first; v != NULL; v = v->next) {
			struct column *c = v->key != NULL ? column_of(cs, v->key) : NULL;
			unsigned width;

			if (c == NULL)
				continue;
			show(text, v->key, v, true);
			width = width_of(text);
			c->width = width > c->width ? width : c->width;
			c->is_left |= !is_number(v) && !yaml_is_null(v);
		}
}

static void cell_print(FILE *out, const struct column *c, const char *text, bool is_last)
{
	unsigned gap = c->width - width_of(text);

	if (!c->is_left)
		pad(out, gap);
	fputs(text, out);
	if (c->is_left && !is_last)
		pad(out, gap);
	fputs(is_last ? "\n" : "  ", out);
}

static void table_print(FILE *out, const struct yaml_node *list)
{
	struct columns cs = {.n = 0};
	char text[CELL_SIZE];

	columns_measure(&cs, list);
	for (unsigned i = 0; i < cs.n; i++) {
		show_name(text, cs.at[i].name, true);
		cell_print(out, &cs.at[i], text, i + 1 == cs.n);
	}
	for (const struct yaml_node *row = list->first; row != NULL; row = row->next)
		for (unsigned i = 0; i < cs.n; i++) {
			const struct yaml_node *name = cs.at[i].name;

			show(text, name, yaml_get(row, name->text), true);
			cell_print(out, &cs.at[i], text, i + 1 == cs.n);
		}
}

// ---- anything
// -------------------------------------------------------------------------------------

static void value_print(FILE *out, const struct yaml_node *v);

static void list_print(FILE *out, const struct yaml_node *list)
{
	bool is_table = true;
	char text[CELL_SIZE];

	if (list->first == NULL) {
		fputs("(none)\n", out);
		return;
	}
	for (const struct yaml_node *i = list->first; i != NULL; i = i->next)
		is_table &= i->kind == YAML_MAP;
	if (is_table) {
		table_print(out, list);
		return;
	}
	for (const struct yaml_node *i = list->first; i != NULL; i = i->next) {
		show(text, NULL, i, false);
		fprintf(out, "%s\n", text);
	}
}

static void object_print(FILE *out, const struct yaml_node *object)
{
	char name[CELL_SIZE], text[CELL_SIZE];
	unsigned width = 0;
	bool has_scalars = false;

	for (const struct yaml_node *v = object->first; v != NULL; v = v->next) {
		if (v->kind != YAML_SCALAR)
			continue;
		show_name(name, v->key, false);
		width = width_of(name) > width ? width_of(name) : width;
	}
	for (const struct yaml_node *v = object->first; v != NULL; v = v->next) {
		if (v->kind != YAML_SCALAR)
			continue;
		show_name(name, v->key, false);
		show(text, v->key, v, false);
		fputs(name, out);
		pad(out, width - width_of(name) + 2);
		fprintf(out, "%s\n", text);
		has_scalars = true;
	}
	for (const struct yaml_node *v = object->first; v != NULL; v = v->next) {
		if (v->kind == YAML_SCALAR)
			continue;
		show_name(name, v->key, false);
		fprintf(out, "%s%s:\n", has_scalars || v != object->first ? "\n" : "", name);
		value_print(out, v);
	}
}

static void value_print(FILE *out, const struct yaml_node *v)
{
	char text[CELL_SIZE];

	if (v->kind == YAML_LIST) {
		list_print(out, v);
	} else if (v->kind == YAML_MAP) {
		object_print(out, v);
	} else {
		show(text, NULL, v, false);
		fprintf(out, "%s\n", text);
	}
}

// ---- the reply
// ------------------------------------------------------------------------------------

static int finish(FILE *out)
{
	return fflush(out) != 0 || ferror(out) ? -EIO : 0;
}

// `raw` NULL: as a table; else this is the result's text.
static int reply_print(FILE *out, FILE *errors, const char *reply, size_t len, const char *raw,
		       size_t raw_len)
{
	const struct yaml_node *result;
	struct arena arena = {0};
	int err = reply_read(&arena, errors, reply, len, &result);

	if (err == 0 && raw == NULL)
		value_print(out, result);
	else if (err == 0)
		fprintf(out, "%.*s\n", (int)raw_len, raw);
	if (err == 0)
		err = finish(out);
	arena_free(&arena);
	return err;
}

int table_print_reply(FILE *out, FILE *errors, const char *reply, size_t len)
{
	return reply_print(out, errors, reply, len, NULL, 0);
}

int table_print_json(FILE *out, FILE *errors, const char *reply, size_t len)
{
	static const char head[] = "{\"ok\":true,\"result\":";
	size_t head_len = sizeof(head) - 1;

	if (len > head_len && memcmp(reply, head, head_len) == 0)
		return reply_print(out, errors, reply, len, reply + head_len, len - head_len - 1);
	return reply_print(out, errors, reply, len, NULL, 0);
}
