// A JSON writer (RFC 8259): values go out in the order of the calls, commas and escapes come by
// themselves. The first failure sticks and later calls do nothing, so a caller asks once, at the
// end.
#ifndef ANNULUS_CONTROL_ADMIN_JSON_OUT_H
#define ANNULUS_CONTROL_ADMIN_JSON_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_DEPTH_MAX 16

struct json_out {
	char *text; // not zero-terminated before json_finish()
	size_t len, size;
	size_t max; // octets that the text may reach
	int err;    // 0, -ENOMEM, -ENOBUFS (max reached)
	uint8_t depth;
	bool is_key_due[JSON_DEPTH_MAX]; // an object waits for a key, an array never
	bool is_object[JSON_DEPTH_MAX];
	bool has_item[JSON_DEPTH_MAX];
};

// The writer owns its text until json_destroy().
void json_init(struct json_out *j, size_t max);
void json_destroy(struct json_out *j);

// Calls that would give broken JSON (a value without its key, an end without its begin) are our own
// mistakes and assert.
void json_object_begin(struct json_out *j);
void json_object_end(struct json_out *j);
void json_array_begin(struct json_out *j);
void json_array_end(struct json_out *j);
void json_key(struct json_out *j, const char *key);

void json_string(struct json_out *j, const char *s); // NULL is written as null
// Octets that are not UTF-8 become U+FFFD.
void json_string_n(struct json_out *j, const char *s, size_t len);
void json_hex(struct json_out *j, const uint8_t *bytes, size_t len); // as a lower-case string
void json_u64(struct json_out *j, uint64_t v);
void json_i64(struct json_out *j, int64_t v);
void json_bool(struct json_out *j, bool v);
void json_null(struct json_out *j);
// An already complete JSON value, copied as it is.
void json_raw(struct json_out *j, const char *text, size_t len);

// A member of an object: key and value in one call.
void json_put_string(struct json_out *j, const char *key, const char *s);
void json_put_hex(struct json_out *j, const char *key, const uint8_t *bytes, size_t len);
void json_put_u64(struct json_out *j, const char *key, uint64_t v);
void json_put_i64(struct json_out *j, const char *key, int64_t v);
void json_put_bool(struct json_out *j, const char *key, bool v);

// Ends the text with a zero octet. Returns 0 or the error that stuck; asserts that everything that
// was begun has ended.
int json_finish(struct json_out *j);

#endif
