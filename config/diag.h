// Complaints about a text: collected, sorted by place, printed with the line and a caret.
//
//   annulus.yaml:12:5: error: unknown key `prot` in endpoints.server; did you mean `port`?
//      12 |     prot: 1935
//         |     ^~~~
#ifndef ANNULUS_CONFIG_DIAG_H
#define ANNULUS_CONFIG_DIAG_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "config/yaml.h"

#define DIAG_MAX  64  // complaints that are kept; more are counted
#define DIAG_TEXT 512 // octets of one complaint

struct diag_entry {
	struct yaml_place place; // line 0: about the file as a whole
	uint32_t order;
	char text[DIAG_TEXT];
};

struct diag {
	const char *name; // of the file
	const char *text; // its whole text, for the quoted lines; may be NULL
	size_t len;
	uint32_t n; // all complaints, also those not kept
	struct diag_entry at[DIAG_MAX];
};

void diag_add(struct diag *d, struct yaml_place place, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

// Sorts and prints everything. Octets that a terminal would obey are shown as `?`.
void diag_print(struct diag *d, FILE *out);

#endif
