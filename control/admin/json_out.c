#include "control/admin/json_out.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/utf8.h"

enum { FIRST_SIZE = 256 };

void json_init(struct json_out *j, size_t max)
{
	*j = (struct json_out){.max = max};
}

void json_destroy(struct json_out *j)
{
	free(j->text);
	*j = (struct json_out){0};
}

static void grow(struct json_out *j, size_t need)
{
	size_t size = j->size > 0 ? j->size : FIRST_SIZE;
	char *text;

	if (need > j->max) {
		j->err = -ENOBUFS;
		return;
	}
	while (size < need)
		size *= 2;
	if (size > j->max)
		size = j->max;
	text = realloc(j->text, size + 1); // the zero of json_finish()
	if (text == NULL) {
		j->err = -ENOMEM;
		return;
	}
	j->text = text;
	j->size = size;
}

static void put(struct json_out *j, const char *s, size_t len)
{
	if (j->err == 0 && len > j->size - j->len)
		grow(j, j->len + len);
	if (j->err != 0 || len == 0)
		return;
	memcpy(j->text + j->len, s, len);
	j->len += len;
}

// ---- structure: kept up also after an error, so that a wrong call asserts in any case
// --------------

static void value_begin(struct json_out *j)
{
	unsigned d = j->depth;

	if (d == 0) {
		assert(!j->has_item[0]); // one value at the top
		j->has_item[0] = true;
		return;
	}
	if (j->is_object[d]) {
		assert(!j->is_key_due[d]);
		j->is_key_due[d] = true; // for the member after this one
		return;
	}
	if (j->has_item[d])
		put(j, ",", 1);
	j->has_item[d] = true;
}

static void level_begin(struct json_out *j, bool is_object)
{
	value_begin(j);
	assert(j->depth + 1 < JSON_DEPTH_MAX);
	j->depth++;
	j->is_object[j->depth] = is_object;
	j->is_key_due[j->depth] = is_object;
	j->has_item[j->depth] = false;
	put(j, is_object ? "{" : "[", 1);
}

static void level_end(struct json_out *j, bool is_object)
{
	assert(j->depth > 0 && j->is_object[j->depth] == is_object);
	assert(j->is_key_due[j->depth] == is_object); // no key without its value
	j->depth--;
	put(j, is_object ? "}" : "]", 1);
}

void json_object_begin(struct json_out *j)
{
	level_begin(j, true);
}

void json_object_end(struct json_out *j)
{
	level_end(j, true);
}

void json_array_begin(struct json_out *j)
{
	level_begin(j, false);
}

void json_array_end(struct json_out *j)
{
	level_end(j, false);
}

// ---- values
// ---------------------------------------------------------------------------------------

// RFC 8259 §7: quote, backslash and C0 must be escaped. DEL and C1 need not be, but a terminal that
// shows the text obeys them.
static void put_escaped(struct json_out *j, uint32_t c, const char *s, size_t n)
{
	char escape[8];

	if (c == '"' || c == '\\') {
		put(j, "\\", 1);
		put(j, s, n);
	} else if (c == '\n') {
		put(j, "\\n", 2);
	} else if (c == '\t') {
		put(j, "\\t", 2);
	} else if (c < 0x20 || (c >= 0x7f && c < 0xa0)) {
		snprintf(escape, sizeof(escape), "\\u%04x", (unsigned)c);
		put(j, escape, 6);
	} else {
		put(j, s, n);
	}
}

static void put_string(struct json_out *j, const char *s, size_t len)
{
	static const char replacement[] = "\xef\xbf\xbd"; // U+FFFD
	uint32_t c;

	put(j, "\"", 1);
	for (size_t i = 0, n; i < len && j->err == 0; i += n) {
		n = utf8_read(&c, s + i, len - i);
		if (n > 0) {
			put_escaped(j, c, s + i, n);
		} else {
			put(j, replacement, 3);
			n = 1;
		}
	}
	put(j, "\"", 1);
}

void json_key(struct json_out *j, const char *key)
{
	unsigned d = j->depth;

	assert(d > 0 && j->is_object[d] && j->is_key_due[d]);
	if (j->has_item[d])
		put(j, ",", 1);
	j->has_item[d] = true;
	j->is_key_due[d] = false;
	put_string(j, key, strlen(key));
	put(j, ":", 1);
}

void json_string(struct json_out *j, const char *s)
{
	if (s == NULL)
		json_null(j);
	else
		json_string_n(j, s, strlen(s));
}

void json_string_n(struct json_out *j, const char *s, size_t len)
{
	value_begin(j);
	put_string(j, s, len);
}

void json_hex(struct json_out *j, const uint8_t *bytes, size_t len)
{
	static const char digits[] = "0123456789abcdef";

	value_begin(j);
	put(j, "\"", 1);
	for (size_t i = 0; i < len; i++) {
		put(j, &digits[bytes[i] >> 4], 1);
		put(j, &digits[bytes[i] & 15], 1);
	}
	put(j, "\"", 1);
}

void json_u64(struct json_out *j, uint64_t v)
{
	char text[24];
	int n = snprintf(text, sizeof(text), "%" PRIu64, v);

	json_raw(j, text, (size_t)n);
}

void json_i64(struct json_out *j, int64_t v)
{
	char text[24];
	int n = snprintf(text, sizeof(text), "%" PRIi64, v);

	json_raw(j, text, (size_t)n);
}

void json_bool(struct json_out *j, bool v)
{
	json_raw(j, v ? "true" : "false", v ? 4 : 5);
}

void json_null(struct json_out *j)
{
	json_raw(j, "null", 4);
}

void json_raw(struct json_out *j, const char *text, size_t len)
{
	value_begin(j);
	put(j, text, len);
}

// ---- members
// --------------------------------------------------------------------------------------

void json_put_string(struct json_out *j, const char *key, const char *s)
{
	json_key(j, key);
	json_string(j, s);
}

void json_put_hex(struct json_out *j, const char *key, const uint8_t *bytes, size_t len)
{
	json_key(j, key);
	json_hex(j, bytes, len);
}

void json_put_u64(struct json_out *j, const char *key, uint64_t v)
{
	json_key(j, key);
	json_u64(j, v);
}

void json_put_i64(struct json_out *j, const char *key, int64_t v)
{
	json_key(j, key);
	json_i64(j, v);
}

void json_put_bool(struct json_out *j, const char *key, bool v)
{
	json_key(j, key);
	json_bool(j, v);
}

int json_finish(struct json_out *j)
{
	assert(j->depth == 0 && j->has_item[0]);
	if (j->err == 0)
		j->text[j->len] = 0;
	return j->err;
}
