#include "config/load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/file.h"
#include "config/schema.h"
#include "config/suggest.h"
#include "config/value.h"

enum {
	KEYS_MAX = 128, // rows in the table; a unit test holds it
	YAML_NODES_MAX = 1 << 17,
	YAML_DEPTH_MAX = 16,
};

// What config_destroy() gives back.
struct holder {
	struct config cfg;
	struct arena arena;
};

// A map of the file against the rows of one section.
struct section {
	const struct yaml_node *map; // NULL: not in the file
	const char *path;            // of its rows
	const char *label;           // for people: "ports[0]"
	void *base;                  // where its values go
};

static int load_section(struct loader *l, const struct section *s);
static int load_key(struct loader *l, const struct section *s, const struct schema_key *key,
		    const char *name, const struct yaml_node *node);

static void label_join(char out[VALUE_LABEL_SIZE], const char *parent, const char *name)
{
	snprintf(out, VALUE_LABEL_SIZE, "%s%s%s", parent, parent[0] != 0 ? "." : "", name);
}

// ---- unknown keys -----------------------------------------------------------------------------

// A key of this name that stands elsewhere: `sessions` at the top means `limits.sessions`.
static const char *find_elsewhere(const struct yaml_node *word)
{
	for (size_t i = 0; i < schema_n_keys; i++) {
		const char *dot = strrchr(schema_keys[i].path, '.');

		if (dot != NULL && yaml_text_is(word, dot + 1))
			return schema_keys[i].path;
	}
	return NULL;
}

// Returns the row that was probably meant, so that it is not also called missing.
static const struct schema_key *complain_unknown(struct loader *l, const struct section *s,
						 const struct yaml_node *word)
{
	struct suggest near = suggest_for(word->text, word->len);
	const struct schema_key *meant = NULL;
	const char *name, *hint;

	if (l->diag->n >= DIAG_MAX) { // not worth the search
		diag_add(l->diag, word->place, "unknown key");
		return NULL;
	}
	for (size_t i = 0; i < schema_n_keys; i++) {
		const char *before = near.best;

		if (schema_is_child(&schema_keys[i], s->path, &name))
			suggest_offer(&near, name);
		if (near.best != before)
			meant = &schema_keys[i];
	}
	hint = near.best != NULL ? near.best : find_elsewhere(word);
	diag_add(l->diag, word->place, "unknown key `%.60s`%s%s%s%s%s", word->text,
		 s->label[0] != 0 ? " in " : "", s->label, hint != NULL ? "; did you mean `" : "",
		 hint != NULL ? hint : "", hint != NULL ? "`?" : "");
	return meant;
}

// ---- one key ----------------------------------------------------------------------------------

static int origin_add(struct loader *l, const void *field, const struct yaml_node *node,
		      bool is_bad)
{
	struct origin *o = arena_alloc(l->scratch, sizeof(*o));

	if (o == NULL)
		return -ENOMEM;
	*o = (struct origin){field, node->place, is_bad, l->origins};
	l->origins = o;
	return 0;
}

static int load_value(struct loader *l, const struct section *s, const struct schema_key *key,
		      const struct yaml_node *node, const char *label)
{
	const struct value_ctx ctx = {l->keep, l->diag, l->dir};
	int err = value_store_default(&ctx, key, s->base);

	if (err != 0 || node == NULL)
		return err;
	err = value_store(&ctx, key, label, node, s->base);
	if (err == -ENOMEM)
		return err;
	return origin_add(l, (char *)s->base + key->offset, node, err != 0);
}

// An item that is one word: all other keys have their defaults.
static int load_short_item(struct loader *l, const struct section *item, const char *short_key)
{
	const char *name;
	int err = 0;

	for (size_t i = 0; i < schema_n_keys && err == 0; i++)
		if (schema_is_child(&schema_keys[i], item->path, &name))
			err = load_key(l, item, &schema_keys[i], name,
				       strcmp(name, short_key) == 0 ? item->map : NULL);
	return err;
}

static int load_item(struct loader *l, const struct section *item, const char *short_key)
{
	// Under the item's own address, for rules about the item as a whole. Its first field, whose
	// address is the same, comes later and is found first.
	int err = origin_add(l, item->base, item->map, false);

	if (yaml_is_null(item->map))
		diag_add(l->diag, item->map->place, "%s: expected keys and values, found nothing",
			 item->label);
	if (err != 0)
		return err;
	if (short_key != NULL && item->map->kind == YAML_SCALAR && !yaml_is_null(item->map))
		return load_short_item(l, item, short_key);
	return load_section(l, item);
}

static int load_blocks(struct loader *l, const struct section *s, const struct schema_key *key,
		       const struct yaml_node *node, const char *label)
{
	char item_label[VALUE_LABEL_SIZE], item_path[VALUE_LABEL_SIZE];
	uint32_t n = 0;
	int err = 0;
	char *items;

	if (node == NULL || yaml_is_null(node))
		return 0;
	if (node->kind != YAML_LIST || node->n_items > key->max) {
		diag_add(l->diag, node->place, "%s: expected a list of at most %lu items (- ...)",
			 label, (unsigned long)key->max);
		return origin_add(l, (char *)s->base + key->offset, node, true);
	}
	items = arena_alloc(l->keep, node->n_items * key->item_size);
	if (items == NULL)
		return -ENOMEM;
	*(void **)((char *)s->base + key->offset) = items;
	*(uint32_t *)((char *)s->base + key->count_offset) = node->n_items;
	snprintf(item_path, sizeof(item_path), "%s[]", key->path);
	for (const struct yaml_node *i = node->first; i != NULL && err == 0; i = i->next, n++) {
		snprintf(item_label, sizeof(item_label), "%.100s[%u]", label, n);
		err = load_item(
			l, &(struct section){i, item_path, item_label, items + n * key->item_size},
			key->short_key);
	}
	return err != 0 ? err : origin_add(l, (char *)s->base + key->offset, node, false);
}

static int load_key(struct loader *l, const struct section *s, const struct schema_key *key,
		    const char *name, const struct yaml_node *node)
{
	char label[VALUE_LABEL_SIZE];

	label_join(label, s->label, name);
	if (key->type == SCHEMA_SECTION)
		return load_section(l, &(struct section){node, key->path, label, s->base});
	if (key->type == SCHEMA_BLOCKS)
		return load_blocks(l, s, key, node, label);
	return load_value(l, s, key, node, label);
}

// ---- a section --------------------------------------------------------------------------------

// What a map of the file says about each row of the table.
struct found {
	const struct yaml_node *node[KEYS_MAX];
	const struct yaml_node *mistyped[KEYS_MAX]; // a word that was probably meant for it
};

static void find_keys(struct loader *l, const struct section *s, struct found *found)
{
	if (s->map == NULL || yaml_is_null(s->map))
		return; // absent, or every key in it commented out
	if (s->map->kind != YAML_MAP) {
		diag_add(l->diag, s->map->place, "%s: expected keys and values (key: value)",
			 s->label[0] != 0 ? s->label : "the file");
		return;
	}
	for (const struct yaml_node *n = s->map->first; n != NULL; n = n->next) {
		const struct schema_key *key = schema_find(s->path, n->key->text, n->key->len);

		if (key == NULL) {
			key = complain_unknown(l, s, n->key);
			if (key != NULL)
				found->mistyped[key - schema_keys] = n->key;
		} else if (found->node[key - schema_keys] != NULL) {
			diag_add(l->diag, n->key->place,
				 "duplicate key `%s`; it stands in line %u already", n->key->text,
				 found->node[key - schema_keys]->key->place.line);
		} else {
			found->node[key - schema_keys] = n;
		}
	}
}

static bool is_required(const struct schema_key *key)
{
	return key->dflt == NULL && key->type != SCHEMA_SECTION;
}

static int load_section(struct loader *l, const struct section *s)
{
	bool is_map = s->map != NULL && s->map->kind == YAML_MAP;
	struct found found = {0};
	const char *name;
	int err = 0;

	find_keys(l, s, &found);
	for (size_t i = 0; i < schema_n_keys && err == 0; i++) {
		const struct schema_key *key = &schema_keys[i];
		if (!schema_is_child(key, s->path, &name))
			continue;
		if (found.node[i] == NULL && found.mistyped[i] != NULL)
			err = origin_add(l, (char *)s->base + key->offset, found.mistyped[i], true);
		else if (found.node[i] == NULL && is_map && is_required(key))
			diag_add(l->diag, s->map->place, "%s: `%s` is missing", s->label, name);
		if (err == 0)
			err = load_key(l, s, key, name, found.node[i]);
	}
	return err;
}

// ---- the whole --------------------------------------------------------------------------------

static char *dir_of(struct arena *a, const char *path)
{
	const char *slash = strrchr(path, '/');

	if (slash == NULL)
		return arena_copy(a, ".", 1);
	return slash == path ? arena_copy(a, "/", 1) : arena_copy(a, path, (size_t)(slash - path));
}

static int load_tree(struct loader *l, const char *text, size_t len)
{
	const struct yaml_limits limits = {YAML_NODES_MAX, YAML_DEPTH_MAX};
	const struct yaml_node *root;
	struct yaml_error error;
	int err = yaml_parse(l->scratch, text, len, &limits, &root, &error);

	if (err == -EINVAL)
		diag_add(l->diag, error.place, "%s", error.text);
	if (err != 0) // a text that is no YAML says nothing reliable about its keys
		return err;
	err = load_section(l, &(struct section){root, "", "", l->cfg});
	if (err == 0)
		err = rules_apply(l);
	if (err == 0 && l->diag->n > 0)
		err = -EINVAL;
	return err;
}

int config_load_text(const char *name, const char *text, size_t len,
		     const struct config_hooks *hooks, FILE *errors, const struct config **out)
{
	struct holder *h = calloc(1, sizeof(*h));
	struct diag *diag = calloc(1, sizeof(*diag));
	struct arena scratch = {0};
	struct loader l = {.scratch = &scratch, .diag = diag, .hooks = hooks};
	int err = -ENOMEM;

	*out = NULL;
	if (h == NULL || diag == NULL)
		goto out;
	l.cfg = &h->cfg;
	l.keep = &h->arena;
	l.dir = dir_of(&scratch, name);
	diag->name = name;
	diag->text = text;
	diag->len = len;
	if (l.dir != NULL)
		err = load_tree(&l, text, len);
out:
	if (err == -ENOMEM)
		fprintf(errors, "%s: error: out of memory\n", name);
	else if (err != 0)
		diag_print(diag, errors);
	arena_free(&scratch);
	free(diag);
	if (err == 0) {
		*out = &h->cfg;
	} else if (h != NULL) {
		arena_free(&h->arena);
		free(h);
	}
	return err;
}

int config_load(const char *path, const struct config_hooks *hooks, FILE *errors,
		const struct config **out)
{
	char *text;
	size_t len;
	int err = file_read(path, CONFIG_FILE_BYTES, &text, &len);

	*out = NULL;
	if (err != 0) {
		fprintf(errors, "%s: error: cannot read it: %s\n", path, file_error(err));
		return err;
	}
	err = config_load_text(path, text, len, hooks, errors, out);
	free(text);
	return err;
}

void config_destroy(const struct config *cfg)
{
	struct holder *h = (struct holder *)(uintptr_t)cfg; // cfg is its first member

	if (h == NULL)
		return;
	arena_free(&h->arena);
	free(h);
}
