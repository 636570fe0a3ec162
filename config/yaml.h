// A YAML text as a small tree that remembers where everything stood. libfyaml scans; this keeps
// what a reader of settings needs and refuses the rest with its place: aliases, anchors, tags, keys
// that are not plain words, a second document. So nothing in a text can make the tree larger than
// itself.
//
// JSON is YAML: the control socket's replies are read by the same function.
#ifndef ANNULUS_CONFIG_YAML_H
#define ANNULUS_CONFIG_YAML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/arena.h"

enum yaml_kind { YAML_SCALAR, YAML_LIST, YAML_MAP };

// Line and column count from 1, columns in characters. `width` is how many of them to underline, 1
// for what has no extent on its line.
struct yaml_place {
	uint32_t line, column, width;
};

struct yaml_node {
	enum yaml_kind kind;
	bool is_quoted; // a scalar that cannot mean a number, true, false or nothing
	struct yaml_place place;
	const char *text; // scalar: zero-terminated, may hold zero octets before text[len]
	size_t len;
	const struct yaml_node *key;   // in a map: this value's name, a scalar
	const struct yaml_node *first; // list, map: the first item, in the order of the text
	const struct yaml_node *next;  // the item after this one
	uint32_t n_items;
};

struct yaml_limits {
	size_t nodes;
	unsigned depth;
};

// Why a text is no tree, and where.
struct yaml_error {
	struct yaml_place place;
	char text[160];
};

// Returns 0 and *root, allocated from `a`, which keeps no pointer into `text`; an empty text gives
// NULL. Or -EINVAL and *error, or -ENOMEM.
int yaml_parse(struct arena *a, const char *text, size_t len, const struct yaml_limits *limits,
	       const struct yaml_node **root, struct yaml_error *error);

// The value behind `key` in a map, NULL if it has none (or `map` is no map, or NULL).
const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key);

bool yaml_is_null(const struct yaml_node *node); // nothing, ~ or null, not quoted
bool yaml_text_is(const struct yaml_node *node, const char *text);

#endif
