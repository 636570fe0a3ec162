// Tables for people from an admin reply, by convention and without knowledge of any command:
//
//   an object               one line per member:  name  value
//   a list of objects       a table; the columns are the members' names in order of appearance
//   a list or object inside an object: its name as a heading, then itself, after the scalars
//
// A name's last word says how its numbers read: _us 1.50 ms, _bytes 3.20 MiB, _bits 2.00 Mbit/s
// (per second), _permille 1.2 %; it does not appear in the heading. Strings of 64 hex digits (peer
// IDs, group IDs) are cut to 12 inside tables; --json shows them whole. What a terminal would obey
// is shown as `?`, since names come from strangers.
#ifndef ANNULUS_CONTROL_ADMIN_TABLE_H
#define ANNULUS_CONTROL_ADMIN_TABLE_H

#include <stddef.h>
#include <stdio.h>

// `reply` is what admin_request() gave. For {"ok":true,"result":...} writes the result to `out` and
// returns 0. For {"ok":false,"error":...} writes the text to `errors` and returns -EREMOTEIO.
// -EPROTO: it is no such JSON; -EIO: `out` failed; -ENOMEM.
int table_print_reply(FILE *out, FILE *errors, const char *reply, size_t len);

// The same, but the result goes out as it came, JSON on one line.
int table_print_json(FILE *out, FILE *errors, const char *reply, size_t len);

#endif
