// AMF values, both versions: a document is a flat table of nodes over the octets it was read from.
// Bounded: AMF_NODES_MAX values, AMF_DEPTH_MAX levels; a stranger's document can not make it grow.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/wire/cursor.h"

#define AMF_NODES_MAX 512
#define AMF_DEPTH_MAX 16
#define AMF_NONE      UINT16_MAX

enum amf_type {
	AMF_UNDEFINED,
	AMF_NULL,
	AMF_BOOLEAN, // number: 0 or 1
	AMF_NUMBER,  // AMF3 integers, too
	AMF_STRING,  // text
	AMF_OBJECT,  // children have names; text: class name or empty
	AMF_ARRAY,   // children in order; named ones are those with a name (ECMA, AMF3 associative
		     // part)
	AMF_DATE,    // number: ms since 1970
	AMF_XML,     // text
	AMF_BYTES,   // text: the octets (AMF3 ByteArray)
	AMF_REFERENCE, // number: index of the node meant (an earlier object or array)
};

struct amf_node {
	uint8_t type;
	uint16_t child, next; // first child, next sibling; AMF_NONE
	struct span name;     // in its parent
	struct span text;     // in the document's octets
	double number;
};

struct amf_doc {
	uint16_t n; // nodes used; node 0 is the first value read, its siblings the others
	struct amf_node nodes[AMF_NODES_MAX];
};

// A run of AMF0 values to the end of data; 0x11 switches one value to AMF3. The text of type 17
// messages after their format octet, and of type 20 messages. 0; -EBADMSG: broken; -E2BIG: over a
// limit above.
int amf0_read(struct amf_doc *, struct span data);
// The same in AMF3 (what follows the body of a posting or a 15 message after its format octet).
int amf3_read(struct amf_doc *, struct span data);

// The i-th value of the run; NULL: there are fewer.
const struct amf_node *amf_at(const struct amf_doc *, uint32_t i);
// A member by name of an object or associative array; NULL. References are followed.
const struct amf_node *amf_get(const struct amf_doc *, const struct amf_node *, const char *name);
bool amf_is_text(const struct amf_node *, const char *text); // NULL is not
// The text of a string, NUL-terminated and cut to fit; "" for anything else.
const char *amf_text(const struct amf_node *, char *buf, uint32_t max);

// ---- writing AMF0 ----
void amf0_wr_number(struct wr *, double);
void amf0_wr_boolean(struct wr *, bool);
void amf0_wr_string(struct wr *, const char *);
void amf0_wr_null(struct wr *);
void amf0_wr_object(struct wr *);                 // then members, then _end
void amf0_wr_name(struct wr *, const char *name); // then one value
void amf0_wr_end(struct wr *);
// Writes a node of a document, as it would be read again; AMF3-only types become their nearest.
void amf0_wr_node(struct wr *, const struct amf_doc *, const struct amf_node *);
// ... and in AMF3, without references.
void amf3_wr_node(struct wr *, const struct amf_doc *, const struct amf_node *);
