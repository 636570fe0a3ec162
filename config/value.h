// From a piece of YAML to a typed field, by the field's row in the table.
#ifndef ANNULUS_CONFIG_VALUE_H
#define ANNULUS_CONFIG_VALUE_H

#include "config/arena.h"
#include "config/diag.h"
#include "config/schema.h"
#include "config/units.h"
#include "config/yaml.h"

#define VALUE_LABEL_SIZE 128

struct value_ctx {
	struct arena *arena; // holds texts and lists
	struct diag *diag;   // hears what is wrong
	const char *dir;     // where relative paths start
};

// Stores `node` into its field in `base` (struct config, or a list's item). `label` names the key
// in complaints, with indices: "ports[0].mtu". On -EINVAL the field is untouched and everything
// that is wrong with the node was said. Returns 0, -EINVAL, -ENOMEM. Not for sections and blocks.
int value_store(const struct value_ctx *ctx, const struct schema_key *key, const char *label,
		const struct yaml_node *node, void *base);

// Stores the row's default; a row without one leaves its field zero. Returns 0 or -ENOMEM; a
// default that its own row refuses asserts.
int value_store_default(const struct value_ctx *ctx, const struct schema_key *key, void *base);

// The word at `index` in "auto|on|off"; NULL behind the last.
const char *value_choice(const char *choices, unsigned index, size_t *len);

// "auto, on, off"
void value_print_choices(const char *choices, char *out, size_t size);

// As the operator would write it: 64MiB, 15s, unlimited.
void value_print_number(enum schema_type type, char out[UNITS_TEXT_SIZE], uint64_t v);

#endif
