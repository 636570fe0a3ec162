// Test vectors in JSON, read by libfyaml. Nothing here returns an error: a vector that cannot be
// read is a broken test, so it says where and aborts.
//
//	struct json_doc *doc = json_load("rtmfp/primitives.json");
//	struct json *row;
//
//	json_each(row, json_at(json_root(doc), "vlu"))
//		check(json_u64(row, "value"), json_hex(doc, row, "encoding"));
//	json_free(doc);
#ifndef ANNULUS_TESTS_JSON_H
#define ANNULUS_TESTS_JSON_H

#include "dataplane/wire/span.h"

struct json_doc;

// A value inside a document; lives as long as the document.
struct json;

// Name is relative to tests/vectors/. The caller frees the document.
struct json_doc *json_load(const char *name);
void json_free(struct json_doc *doc);
struct json *json_root(struct json_doc *doc);

// A path is keys and indices joined by '/': "sessions/0/skic". The empty path, or NULL, is the
// node itself. json_at() and json_text() answer NULL if there is none, or if it is null.
struct json *json_at(struct json *node, const char *path);
bool json_has(struct json *node, const char *path);

// Length of an array or object; 0 of anything else, also of NULL.
size_t json_len(struct json *node);
struct json *json_item(struct json *array, size_t index);

// In the order of the file.
struct json *json_next(struct json *array, void **iter);

// json_each(item, array) { ... } may be nested.
#define JSON_JOIN2(a, b)       a##b
#define JSON_JOIN(a, b)        JSON_JOIN2(a, b)
#define json_each(item, array) json_each_by(JSON_JOIN(json_iter_, __LINE__), item, array)
#define json_each_by(iter, item, array)                                                            \
	for (void *iter = NULL; ((item) = json_next(array, &iter)) != NULL;)

const char *json_text(struct json *node, const char *path);

// These must be there. Numbers are decimal or 0x..., bare or as a string.
uint64_t json_u64(struct json *node, const char *path);
double json_double(struct json *node, const char *path);
bool json_bool(struct json *node, const char *path);

// The octets of a string of hex digits, freed with the document: exactly so many, that a sanitizer
// sees a read past them. A string cut with "..." yields what stands before.
struct span json_hex(struct json_doc *doc, struct json *node, const char *path);
bool json_is_cut(struct json *node, const char *path);

#endif
