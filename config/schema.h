// The table of all keys. Whatever the configuration can say has one row here, and from the rows
// follow the checks (load.c), the typed values (value.c) and the commented file (defaults.c).
#ifndef ANNULUS_CONFIG_SCHEMA_H
#define ANNULUS_CONFIG_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum schema_type {
	SCHEMA_SECTION,  // a map with rows of its own; holds no value
	SCHEMA_BLOCKS,   // a list of such maps; rows of the items have the path "ports[]...."
	SCHEMA_BOOL,     // true | false           -> bool
	SCHEMA_COUNT,    // 16384                  -> uint64_t
	SCHEMA_DURATION, // 15s                    -> uint64_t, us
	SCHEMA_SIZE,     // 64MiB                  -> uint64_t, octets
	SCHEMA_RATE,     // 2Mbit/s, unlimited     -> uint64_t, bits per second
	SCHEMA_CHOICE,   // one of `choices`       -> an enum, in their order
	SCHEMA_ORDER,    // a list of `choices`    -> struct config_order
	SCHEMA_NAME,     // letters, digits, _ . - -> const char *
	SCHEMA_TEXT,     // any text on one line   -> const char *
	SCHEMA_PATH,     // made absolute          -> const char *
	SCHEMA_CPUS,     // "1-3,5", ""            -> const char *
	SCHEMA_ADDRESS, // an address, or the word none if that is the default -> struct config_addr
	SCHEMA_TEXTS,   // a list                 -> const char **, count
	SCHEMA_ADDRESSES, // a list of address[:port] -> struct config_addr *, count
	SCHEMA_NETS,      // a list of address[/len]  -> struct config_addr *, count
	// One item, or a list of them:
	SCHEMA_PREFIXES, // 10.0.0.1/24               -> struct config_addr *, count
	SCHEMA_HOSTS,    // 10.0.0.1, or the word none -> struct config_addr *, count
};

// When a changed value takes effect.
enum schema_reload {
	SCHEMA_RESTART, // with the next start
	SCHEMA_NEXT,    // for sessions, groups and streams that begin after a reload
	SCHEMA_NOW,     // with a reload
};

struct schema_key {
	const char *path; // "endpoints.server.port", "ports[].name"
	enum schema_type type;
	// Numbers: smallest and largest. Texts: octets. Lists: items.
	uint64_t min, max;
	// As in the file, without quotes; an order's words joined by '|', "" for an empty list.
	// NULL: the key must be given.
	const char *dflt;
	const char *choices; // "auto|on|off"
	enum schema_reload reload;
	size_t offset;       // of the value in struct config, or in the item's struct
	size_t count_offset; // lists: of the uint32_t with the number of items
	size_t item_size;    // SCHEMA_BLOCKS
	// SCHEMA_BLOCKS whose printed file has one live item; others show theirs as a comment.
	bool shows_item;
	// SCHEMA_BLOCKS: an item that is only a text gives this key of it. NULL: none may be.
	const char *short_key;
	const char *example;  // of a value without a default, in that item
	const char *sentence; // for the operator; begins with a capital, ends with a full stop
};

extern const struct schema_key schema_keys[];
extern const size_t schema_n_keys;

// The row of `name` directly inside `parent` ("" is the top), NULL if there is none.
const struct schema_key *schema_find(const char *parent, const char *name, size_t len);

// True if `key` stands directly inside `parent`; *name is then its last word.
bool schema_is_child(const struct schema_key *key, const char *parent, const char **name);

#endif
