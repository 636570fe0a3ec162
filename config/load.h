// The loader's inside: what load.c gathers and rules.c looks at. Not for other rooms.
#ifndef ANNULUS_CONFIG_LOAD_H
#define ANNULUS_CONFIG_LOAD_H

#include <stdbool.h>

#include "config/arena.h"
#include "config/config.h"
#include "config/diag.h"
#include "config/yaml.h"

// Where a field's value stood. Kept so that a rule that joins two fields can point at one.
struct origin {
	const void *field;
	struct yaml_place place;
	bool is_bad; // refused: the field holds its default, and no rule should add to the
		     // complaint
	struct origin *next;
};

struct loader {
	struct config *cfg;
	struct arena *keep;    // lives as long as the configuration
	struct arena *scratch; // the YAML tree and the origins
	struct diag *diag;
	const struct config_hooks *hooks; // may be NULL
	const char *dir;
	struct origin *origins;
};

// Checks what no single key can judge and brings in group files; then fills in what follows from
// other fields. Complaints go to l->diag. Returns 0 or -ENOMEM.
int rules_apply(struct loader *l);

// The part of it that is about groups.
int rules_groups(struct loader *l);

// Complains about each text of the list that is no peer ID. field: the list's.
void rule_hash(struct loader *l, const void *field, const char *hash); // or ""
void rule_peer_ids(struct loader *l, const void *field, const char *const *ids, uint32_t n);

// Does it stand in the file? Else its default holds.
bool rule_is_given(const struct loader *l, const void *field);

// False if the field's value was refused: what it holds now is not what the operator wrote.
bool rule_sees(const struct loader *l, const void *field);

// A rule is broken that joins these fields (b may be NULL): complains at the place of the first of
// them that stands in the file, unless one of them was refused already.
void rule_broken(struct loader *l, const void *a, const void *b, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

#endif
