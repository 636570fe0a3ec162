#include <libfyaml.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/json.h"

#define NAME_LEN_MAX 256

struct blob {
	struct blob *next;
	uint8_t *data;
};

struct json_doc {
	struct fy_document *fy;
	struct blob *blobs;
};

// struct json is never defined: it is libfyaml's node under a name of ours.
static struct fy_node *fy_of(struct json *node)
{
	return (struct fy_node *)node;
}

static struct json *json_of(struct fy_node *node)
{
	return (struct json *)node;
}

static void __attribute__((noreturn)) broken(const char *what, const char *where)
{
	fprintf(stderr, "vectors: %s: %s\n", where != NULL ? where : "(here)", what);
	abort();
}

static void *take(size_t len)
{
	void *p = calloc(1, len);

	if (p == NULL)
		broken("out of memory", NULL);
	return p;
}

struct json_doc *json_load(const char *name)
{
	const struct fy_parse_cfg cfg = {.flags = FYPCF_DEFAULT_DOC | FYPCF_JSON_FORCE};
	struct json_doc *doc = take(sizeof(*doc));
	char path[NAME_LEN_MAX + sizeof(VECTORS_DIR)];

	snprintf(path, sizeof(path), "%s/%s", VECTORS_DIR, name);
	doc->fy = fy_document_build_from_file(&cfg, path);
	if (doc->fy == NULL)
		broken("cannot be read", path);
	return doc;
}

void json_free(struct json_doc *doc)
{
	struct blob *next;

	for (struct blob *blob = doc->blobs; blob != NULL; blob = next) {
		next = blob->next;
		free(blob->data);
		free(blob);
	}
	fy_document_destroy(doc->fy);
	free(doc);
}

struct json *json_root(struct json_doc *doc)
{
	return json_of(fy_document_root(doc->fy));
}

// libfyaml's own path lookup parses each step as YAML; ours are plain keys.
static struct fy_node *step(struct fy_node *node, const char *key, size_t len)
{
	if (fy_node_is_sequence(node))
		return fy_node_sequence_get_by_index(node, atoi(key));
	if (fy_node_is_mapping(node))
		return fy_node_mapping_lookup_value_by_simple_key(node, key, len);
	return NULL;
}

// libfyaml counts only an empty value as null, not the word, even when told that this is JSON.
static bool is_null(struct fy_node *node)
{
	const char *text = fy_node_is_scalar(node) ? fy_node_get_scalar0(node) : NULL;

	if (fy_node_is_null(node))
		return true;
	return text != NULL && strcmp(text, "null") == 0 && fy_node_get_style(node) == FYNS_PLAIN;
}

struct json *json_at(struct json *node, const char *path)
{
	struct fy_node *at = fy_of(node);
	size_t len;

	while (at != NULL && path != NULL && *path != '\0') {
		len = strcspn(path, "/");
		at = step(at, path, len);
		path += len + (path[len] == '/');
	}
	return at != NULL && is_null(at) ? NULL : json_of(at);
}

bool json_has(struct json *node, const char *path)
{
	return json_at(node, path) != NULL;
}

size_t json_len(struct json *node)
{
	struct fy_node *fy = fy_of(node);

	if (fy == NULL)
		return 0;
	if (fy_node_is_sequence(fy))
		return (size_t)fy_node_sequence_item_count(fy);
	return fy_node_is_mapping(fy) ? (size_t)fy_node_mapping_item_count(fy) : 0;
}

struct json *json_item(struct json *array, size_t index)
{
	struct fy_node *item = fy_node_sequence_get_by_index(fy_of(array), (int)index);

	if (item == NULL)
		broken("no such item", NULL);
	return json_of(item);
}

struct json *json_next(struct json *array, void **iter)
{
	return array != NULL ? json_of(fy_node_sequence_iterate(fy_of(array), iter)) : NULL;
}

const char *json_text(struct json *node, const char *path)
{
	struct json *at = json_at(node, path);

	return at != NULL ? fy_node_get_scalar0(fy_of(at)) : NULL;
}

static const char *text_or_abort(struct json *node, const char *path)
{
	const char *text = json_text(node, path);

	if (text == NULL)
		broken("missing", path);
	return text;
}

uint64_t json_u64(struct json *node, const char *path)
{
	const char *text = text_or_abort(node, path);
	char *end;
	uint64_t value = strtoull(text, &end, strncmp(text, "0x", 2) == 0 ? 16 : 10);

	if (end == text || *end != '\0' || *text == '-')
		broken("not a number", path);
	return value;
}

double json_double(struct json *node, const char *path)
{
	const char *text = text_or_abort(node, path);
	char *end;
	double value = strtod(text, &end);

	if (end == text || *end != '\0')
		broken("not a number", path);
	return value;
}

bool json_bool(struct json *node, const char *path)
{
	const char *text = text_or_abort(node, path);

	if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
		broken("neither true nor false", path);
	return text[0] == 't';
}

static uint8_t *blob_new(struct json_doc *doc, size_t len)
{
	struct blob *blob = take(sizeof(*blob));

	blob->data = take(len > 0 ? len : 1);
	blob->next = doc->blobs;
	doc->blobs = blob;
	return blob->data;
}

static uint8_t hex_digit(char c, const char *path)
{
	const char *digits = "0123456789abcdef";
	const char *at = c != '\0' ? strchr(digits, c | 0x20) : NULL;

	if (at == NULL)
		broken("not hex", path);
	return (uint8_t)(at - digits);
}

struct span json_hex(struct json_doc *doc, struct json *node, const char *path)
{
	const char *text = text_or_abort(node, path);
	size_t n_digits = strcspn(text, ".");
	size_t len = n_digits / 2;
	uint8_t *data = blob_new(doc, len);

	if (n_digits % 2 != 0)
		broken("odd number of hex digits", path);
	for (size_t i = 0; i < len; i++)
		data[i] = (uint8_t)(hex_digit(text[2 * i], path) << 4 |
				    hex_digit(text[2 * i + 1], path));
	return span_of(data, len);
}

bool json_is_cut(struct json *node, const char *path)
{
	return strstr(text_or_abort(node, path), "...") != NULL;
}
