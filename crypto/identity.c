#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "crypto/identity.h"
#include "dataplane/wire/cursor.h"

#define VERSION "1"

static const struct kind_form {
	const char *name;
	bool has_server;
	uint8_t n_groups;
	uint8_t groups[IDENTITY_KEYS_MAX];
} kinds[] = {
	[IDENTITY_APPLIANCE] = {"appliance", true, 2, {DH_GROUP_2, DH_GROUP_14}},
	[IDENTITY_PEER] = {"peer", false, 1, {DH_GROUP_2}},
	[IDENTITY_PEER_14] = {"peer-14", false, 1, {DH_GROUP_14}},
};

#define N_KINDS (sizeof(kinds) / sizeof(kinds[0]))

struct certificate identity_certificate(const struct identity_endpoint *e)
{
	struct certificate c;
	int err = certificate_read(&c, span_of(e->certificate, e->certificate_len));

	assert(err == 0); // endpoint_finish has read it
	return c;
}

// The certificate's octets are in place: -EBADMSG if it is none or lacks a key.
static int endpoint_finish(struct identity_endpoint *e)
{
	struct certificate c;
	int err = certificate_read(&c, span_of(e->certificate, e->certificate_len));

	if (err != 0)
		return err;
	if (c.n_keys != e->n_keys)
		return -EBADMSG;
	for (unsigned i = 0; i < e->n_keys; i++) {
		struct span key = span_of(e->keys[i].public_key, e->keys[i].public_len);

		if (!span_equal(certificate_key_of(&c, e->keys[i].group), key))
			return -EBADMSG;
	}
	memcpy(e->fingerprint, c.fingerprint, FINGERPRINT_LEN);
	return 0;
}

static int server_build(struct identity *id)
{
	struct identity_endpoint *e = &id->server;
	int len =
		certificate_build_server(e->certificate, sizeof(e->certificate), id->server_random);

	assert(len == CERTIFICATE_SERVER_LEN);
	e->certificate_len = (uint16_t)len;
	return endpoint_finish(e);
}

int identity_generate(struct identity *id, enum identity_kind kind, const struct random *rng)
{
	const struct kind_form *form = &kinds[kind];
	struct identity_endpoint *e = &id->member;
	int len, err = 0;

	memset(id, 0, sizeof(*id));
	id->kind = kind;
	if (form->has_server) {
		random_fill(rng, id->server_random, sizeof(id->server_random));
		err = server_build(id);
	}
	for (e->n_keys = 0; err == 0 && e->n_keys < form->n_groups; e->n_keys++)
		err = dh_key_generate(&e->keys[e->n_keys], form->groups[e->n_keys], rng);
	if (err != 0)
		return err;
	len = certificate_build_static(e->certificate, sizeof(e->certificate), e->keys, e->n_keys);
	assert(len > 0);
	e->certificate_len = (uint16_t)len;
	return endpoint_finish(e);
}

static int server_use_groups(struct identity *id, const uint8_t *groups, unsigned n_groups)
{
	struct identity_endpoint *e = &id->server;
	struct certificate_form form = {
		.accepts_ancillary = true,
		.extra_randomness = span_of(id->server_random, sizeof(id->server_random)),
		.ephemeral = groups,
		.n_ephemeral = n_groups,
	};
	int len;

	if (certificate_is_legacy_set(groups, n_groups))
		return server_build(id);
	len = certificate_build(e->certificate, sizeof(e->certificate), &form);
	assert(len > 0);
	e->certificate_len = (uint16_t)len;
	return endpoint_finish(e);
}

int identity_use_groups(struct identity *id, const uint8_t *groups, unsigned n_groups)
{
	struct identity_endpoint *e = &id->member;
	uint8_t n = 0;
	int len, err = 0;

	for (unsigned i = 0; i < e->n_keys; i++)
		if (memchr(groups, e->keys[i].group, n_groups) != NULL)
			e->keys[n++] = e->keys[i];
	for (unsigned i = n; i < e->n_keys; i++)
		dh_key_wipe(&e->keys[i]);
	e->n_keys = n;
	if (n == 0)
		return -ENOTSUP;
	if (kinds[id->kind].has_server)
		err = server_use_groups(id, groups, n_groups);
	if (err != 0)
		return err;
	len = certificate_build_static(e->certificate, sizeof(e->certificate), e->keys, n);
	assert(len > 0);
	e->certificate_len = (uint16_t)len;
	return endpoint_finish(e);
}

void identity_wipe(struct identity *id)
{
	octets_wipe(id, sizeof(*id));
}

// ---- writing ----

static void wr_text(struct wr *w, const char *text)
{
	wr_bytes(w, text, strlen(text));
}

static void wr_hex(struct wr *w, const uint8_t *octets, size_t len)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		wr_u8(w, (uint8_t)digits[octets[i] >> 4]);
		wr_u8(w, (uint8_t)digits[octets[i] & 15]);
	}
}

static void wr_hex_line(struct wr *w, const char *name, const uint8_t *octets, size_t len)
{
	wr_text(w, name);
	wr_u8(w, ' ');
	wr_hex(w, octets, len);
	wr_u8(w, '\n');
}

int identity_format(const struct identity *id, char *out, size_t cap)
{
	const struct kind_form *form = &kinds[id->kind];
	const struct identity_endpoint *e = &id->member;
	struct wr w = wr_over(out, cap);
	uint8_t sum[SHA256_LEN];

	wr_text(&w, "annulus-identity " VERSION "\nkind ");
	wr_text(&w, form->name);
	wr_u8(&w, '\n');
	if (form->has_server)
		wr_hex_line(&w, "server-random", id->server_random, sizeof(id->server_random));
	for (unsigned i = 0; i < e->n_keys; i++) {
		char name[24];

		snprintf(name, sizeof(name), "member-key %u", e->keys[i].group);
		wr_hex_line(&w, name, e->keys[i].exponent, e->keys[i].exponent_len);
	}
	wr_hex_line(&w, "member-certificate", e->certificate, e->certificate_len);
	sha256(w.base, w.len, sum);
	wr_hex_line(&w, "sha256", sum, sizeof(sum));
	return w.err != 0 ? w.err : (int)w.len;
}

// ---- reading ----

// Lines are read in their order; the first that is not as expected is named and ends the reading.
struct lines {
	struct span text, value;
	size_t at;
	unsigned number; // of the line value is from; 0 before the first
	struct identity_note *note;
};

__attribute__((format(printf, 2, 3))) static int complain(struct lines *l, const char *format, ...)
{
	char what[IDENTITY_NOTE_MAX - 32];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	snprintf(l->note->text, sizeof(l->note->text), "line %u: %s", l->number, what);
	return -EBADMSG;
}

// Takes the next line, which has to be `name value`.
static int line_next(struct lines *l, const char *name)
{
	size_t name_len = strlen(name), left = l->text.len - l->at;
	const uint8_t *start = left > 0 ? l->text.data + l->at : NULL;
	const uint8_t *end = left > 0 ? memchr(start, '\n', left) : NULL;

	l->number++;
	if (end == NULL)
		return complain(l, "the file is cut off before the end of \"%s\"", name);
	l->at += (size_t)(end - start) + 1;
	if ((size_t)(end - start) <= name_len || memcmp(start, name, name_len) != 0 ||
	    start[name_len] != ' ')
		return complain(l, "expected \"%s\"", name);
	l->value = span_of(start + name_len + 1, (size_t)(end - start) - name_len - 1);
	return 0;
}

static int hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// The line's value as 1 to cap octets.
static int line_hex(struct lines *l, const char *name, uint8_t *out, size_t cap, size_t *len)
{
	int err = line_next(l, name);

	if (err != 0)
		return err;
	*len = l->value.len / 2;
	if (l->value.len % 2 != 0 || *len == 0 || *len > cap)
		return complain(l, "%s has %zu hex digits, expected %s%zu", name, l->value.len,
				l->value.len % 2 != 0 ? "an even number up to " : "2 to ", cap * 2);
	for (size_t i = 0; i < *len; i++) {
		int high = hex_digit(l->value.data[2 * i]),
		    low = hex_digit(l->value.data[2 * i + 1]);

		if (high < 0 || low < 0)
			return complain(l, "%s has something that is no hex digit", name);
		out[i] = (uint8_t)(high << 4 | low);
	}
	return 0;
}

// The same with exactly len octets.
static int line_hex_exact(struct lines *l, const char *name, uint8_t *out, size_t len)
{
	size_t got = 0;
	int err = line_hex(l, name, out, len, &got);

	if (err == 0 && got != len)
		return complain(l, "%s has %zu hex digits, expected %zu", name, got * 2, len * 2);
	return err;
}

static bool value_is(const struct lines *l, const char *text)
{
	return l->value.len == strlen(text) && memcmp(l->value.data, text, l->value.len) == 0;
}

static int head_read(struct lines *l, struct identity *id)
{
	int err = line_next(l, "annulus-identity");

	if (err != 0)
		return err;
	if (!value_is(l, VERSION))
		return complain(l, "this program reads version " VERSION " of the format only");
	err = line_next(l, "kind");
	for (unsigned i = 0; err == 0 && i < N_KINDS; i++)
		if (value_is(l, kinds[i].name)) {
			id->kind = (enum identity_kind)i;
			return 0;
		}
	return err != 0 ? err : complain(l, "kind is none of appliance, peer, peer-14");
}

static int keys_read(struct lines *l, struct identity_endpoint *e, const struct kind_form *form)
{
	uint8_t exponent[DH_EXPONENT_MAX];
	size_t len = 0;
	int err = 0;

	for (e->n_keys = 0; err == 0 && e->n_keys < form->n_groups; e->n_keys++) {
		char name[24];

		snprintf(name, sizeof(name), "member-key %u", form->groups[e->n_keys]);
		err = line_hex(l, name, exponent, sizeof(exponent), &len);
		if (err == 0)
			err = dh_key_from_exponent(&e->keys[e->n_keys], form->groups[e->n_keys],
						   exponent, len);
		if (err == -EINVAL)
			err = complain(l, "%s is no usable key", name);
	}
	octets_wipe(exponent, sizeof(exponent));
	return err;
}

static int member_read(struct lines *l, struct identity *id)
{
	struct identity_endpoint *e = &id->member;
	size_t len = 0;
	int err = keys_read(l, e, &kinds[id->kind]);

	if (err == 0)
		err = line_hex(l, "member-certificate", e->certificate, sizeof(e->certificate),
			       &len);
	if (err != 0)
		return err;
	e->certificate_len = (uint16_t)len;
	if (endpoint_finish(e) != 0)
		return complain(l, "member-certificate is not the one of the keys above");
	return 0;
}

// The last line covers all before it.
static int sum_check(struct lines *l)
{
	uint8_t want[SHA256_LEN], got[SHA256_LEN];
	size_t covered = l->at;
	int err = line_hex_exact(l, "sha256", got, sizeof(got));

	if (err != 0)
		return err;
	sha256(l->text.data, covered, want);
	if (memcmp(want, got, sizeof(want)) != 0)
		return complain(l, "the checksum is wrong: a line above was altered");
	if (l->at != l->text.len) {
		l->number++;
		return complain(l, "something follows the checksum");
	}
	return 0;
}

int identity_parse(struct identity *id, struct span text, struct identity_note *note)
{
	struct lines l = {.text = text, .note = note};
	int err;

	memset(id, 0, sizeof(*id));
	note->text[0] = '\0';
	err = head_read(&l, id);
	if (err == 0 && kinds[id->kind].has_server)
		err = line_hex_exact(&l, "server-random", id->server_random,
				     sizeof(id->server_random));
	if (err == 0 && kinds[id->kind].has_server)
		err = server_build(id);
	if (err == 0)
		err = member_read(&l, id);
	if (err == 0)
		err = sum_check(&l);
	if (err != 0) {
		identity_wipe(id);
		if (note->text[0] == '\0')
			snprintf(note->text, sizeof(note->text), "%s", strerror(-err));
	}
	return err;
}
