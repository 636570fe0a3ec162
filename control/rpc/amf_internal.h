// What the two readers share.
#pragma once

#include "control/rpc/amf.h"

struct amf3_tables;

struct amf_reader {
	struct amf_doc *doc;
	struct rd r;
	int limit;                       // 0 or -E2BIG
	uint16_t objects[AMF_NODES_MAX]; // AMF0 reference numbers -> nodes
	uint16_t n_objects;
	struct amf3_tables *amf3;
};

// A fresh node of this type, or AMF_NONE with the error set.
uint16_t amf_node_new(struct amf_reader *, uint8_t type);
// Hangs child behind *last (AMF_NONE: as parent's first) and moves *last on.
void amf_node_add(struct amf_doc *, uint16_t parent, uint16_t child, uint16_t *last);
bool amf_failed(const struct amf_reader *);
void amf_over_limit(struct amf_reader *);
double rd_double(struct rd *);

uint16_t amf3_value(struct amf_reader *, unsigned depth);

#define AMF3_TABLE_MAX 256
struct amf3_traits {
	struct span class_name;
	struct span members[32];
	uint8_t n_members;
	bool is_dynamic, is_external;
};
struct amf3_tables { // AMF3 refers back to strings, objects and traits by number
	struct span strings[AMF3_TABLE_MAX];
	uint16_t objects[AMF3_TABLE_MAX];
	struct amf3_traits traits[16];
	uint16_t n_strings, n_objects, n_traits;
};
