#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/identity.h"

struct fixture {
	struct identity appliance, peer, read;
	struct identity_note note;
	char text[IDENTITY_TEXT_MAX];
	size_t len;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct random_state rs;
	struct random rng = random_seeded(&rs, 51);

	*state = f;
	return identity_generate(&f->appliance, IDENTITY_APPLIANCE, &rng) != 0 ||
	       identity_generate(&f->peer, IDENTITY_PEER, &rng) != 0;
}

static int teardown(void **state)
{
	free(*state);
	return 0;
}

static void format(struct fixture *f, const struct identity *id)
{
	int len = identity_format(id, f->text, sizeof(f->text));

	assert_true(len > 0);
	f->len = (size_t)len;
}

static int parse(struct fixture *f)
{
	return identity_parse(&f->read, span_of(f->text, f->len), &f->note);
}

static void an_appliance_has_a_server_and_a_member(void **state)
{
	struct fixture *f = *state;
	struct certificate server = identity_certificate(&f->appliance.server);
	struct certificate member = identity_certificate(&f->appliance.member);

	assert_true(certificate_is_legacy_form(&server) && server.has_ephemeral);
	assert_int_equal(f->appliance.server.certificate_len, CERTIFICATE_SERVER_LEN);
	assert_int_equal(member.n_keys, 2);
	assert_int_equal(member.keys[0].group, DH_GROUP_2);
	assert_int_equal(member.keys[1].group, DH_GROUP_14);
	assert_memory_equal(member.fingerprint, f->appliance.member.fingerprint, FINGERPRINT_LEN);
	assert_memory_equal(server.fingerprint, f->appliance.server.fingerprint, FINGERPRINT_LEN);
}

static void a_peer_has_one_key_that_old_peers_read(void **state)
{
	struct fixture *f = *state;
	struct certificate member = identity_certificate(&f->peer.member);

	assert_true(certificate_is_legacy_form(&member) && member.has_static);
	assert_int_equal(f->peer.server.certificate_len, 0);
}

static void a_policy_leaves_some_of_it(void **state)
{
	struct fixture *f = *state;
	struct identity id = f->appliance;
	static const uint8_t old[] = {DH_GROUP_14, DH_GROUP_5, DH_GROUP_2},
			     new[] = {DH_GROUP_16, DH_GROUP_14}, none[] = {DH_GROUP_16, DH_GROUP_5};
	struct certificate server, member;

	assert_int_equal(identity_use_groups(&id, old, 3), 0);
	assert_memory_equal(&id, &f->appliance, sizeof(id)); // nothing changes for old peers

	assert_int_equal(identity_use_groups(&id, new, 2), 0);
	server = identity_certificate(&id.server);
	member = identity_certificate(&id.member);
	assert_false(certificate_is_legacy_form(&server));
	assert_true(server.accepts_ancillary);
	assert_int_equal(server.n_ephemeral, 2);
	assert_memory_equal(server.ephemeral, new, 2); // in the order of the policy
	assert_int_equal(member.n_keys, 1);
	assert_int_equal(member.keys[0].group, DH_GROUP_14);
	assert_memory_not_equal(id.server.fingerprint, f->appliance.server.fingerprint, 32);
	assert_memory_not_equal(id.member.fingerprint, f->appliance.member.fingerprint, 32);

	assert_int_equal(identity_use_groups(&id, none, 2), -ENOTSUP);
	id = f->peer;
	assert_int_equal(identity_use_groups(&id, old, 3), 0);
	assert_memory_equal(&id, &f->peer, sizeof(id));
}

static void the_text_reads_back_whole(void **state)
{
	struct fixture *f = *state;
	const struct identity *ids[] = {&f->appliance, &f->peer};

	for (unsigned i = 0; i < 2; i++) {
		format(f, ids[i]);
		assert_int_equal(parse(f), 0);
		assert_string_equal(f->note.text, "");
		assert_memory_equal(&f->read, ids[i], sizeof(f->read));
	}
}

static void a_cut_is_told_at_its_line(void **state)
{
	struct fixture *f = *state;
	size_t whole;

	format(f, &f->appliance);
	whole = f->len;
	for (f->len = 0; f->len < whole; f->len++) {
		char line[16];
		unsigned number = 1;

		for (size_t i = 0; i < f->len; i++)
			number += f->text[i] == '\n';
		snprintf(line, sizeof(line), "line %u: ", number);
		if (f->len % 7 != 0 && f->len < whole - 2)
			continue; // each full reading of the keys takes a millisecond
		assert_int_equal(parse(f), -EBADMSG);
		assert_memory_equal(f->note.text, line, strlen(line));
		assert_non_null(strstr(f->note.text, "cut off"));
	}
}

// One changed octet in every line, first and last digit alike.
static void an_altered_line_is_never_accepted(void **state)
{
	struct fixture *f = *state;
	size_t line_start = 0;

	format(f, &f->appliance);
	for (size_t i = 0; i < f->len; i++) {
		bool is_end = i + 1 < f->len && f->text[i + 1] == '\n';
		char kept = f->text[i];

		if (f->text[i] == '\n')
			line_start = i + 1;
		if (i != line_start && !is_end)
			continue;
		f->text[i] = kept == '0' ? '1' : '0';
		assert_int_equal(parse(f), -EBADMSG);
		assert_memory_equal(f->note.text, "line ", 5);
		f->text[i] = kept;
	}
	assert_int_equal(parse(f), 0);
}

static const struct strange_case {
	const char *what, *text, *note;
} strange_cases[] = {
	{"an empty file", "", "line 1: the file is cut off before the end of \"annulus-identity\""},
	{"another file", "-----BEGIN PRIVATE KEY-----\n", "line 1: expected \"annulus-identity\""},
	{"a later version", "annulus-identity 2\n",
	 "line 1: this program reads version 1 of the format only"},
	{"a strange kind", "annulus-identity 1\nkind king\n",
	 "line 2: kind is none of appliance, peer, peer-14"},
	{"lines in another order", "annulus-identity 1\nkind peer\nmember-certificate 00\n",
	 "line 3: expected \"member-key 2\""},
	{"a short value", "annulus-identity 1\nkind appliance\nserver-random 00\n",
	 "line 3: server-random has 2 hex digits, expected 128"},
	{"half an octet", "annulus-identity 1\nkind peer\nmember-key 2 abc\n",
	 "line 3: member-key 2 has 3 hex digits, expected an even number up to 128"},
	{"no hex", "annulus-identity 1\nkind peer\nmember-key 2 xx\n",
	 "line 3: member-key 2 has something that is no hex digit"},
	{"a key of nothing", "annulus-identity 1\nkind peer\nmember-key 2 00\n",
	 "line 3: member-key 2 is no usable key"},
};

static void strange_files_are_told_by_line(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(strange_cases) / sizeof(strange_cases[0]); i++) {
		const struct strange_case *c = &strange_cases[i];

		assert_int_equal(
			identity_parse(&f->read, span_of(c->text, strlen(c->text)), &f->note),
			-EBADMSG);
		assert_string_equal(f->note.text, c->note);
	}
}

static void nothing_may_follow_the_checksum(void **state)
{
	struct fixture *f = *state;

	format(f, &f->peer);
	f->text[f->len++] = '\n';
	assert_int_equal(parse(f), -EBADMSG);
	assert_string_equal(f->note.text, "line 6: something follows the checksum");
}

// Right sum, wrong certificate: the keys of one identity with the certificate of another.
static void a_certificate_has_to_match_its_keys(void **state)
{
	struct fixture *f = *state;
	struct identity mixed = f->peer;

	mixed.member.certificate[100] ^= 1;
	format(f, &mixed);
	assert_int_equal(parse(f), -EBADMSG);
	assert_string_equal(f->note.text,
			    "line 4: member-certificate is not the one of the keys above");
}

static void a_small_buffer_is_no_short_text(void **state)
{
	struct fixture *f = *state;

	format(f, &f->peer);
	for (size_t cap = 0; cap < f->len; cap += 13) {
		char *exact = malloc(cap + 1);

		assert_int_equal(identity_format(&f->peer, exact, cap), -ENOBUFS);
		free(exact);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_appliance_has_a_server_and_a_member),
		cmocka_unit_test(a_peer_has_one_key_that_old_peers_read),
		cmocka_unit_test(a_policy_leaves_some_of_it),
		cmocka_unit_test(the_text_reads_back_whole),
		cmocka_unit_test(a_cut_is_told_at_its_line),
		cmocka_unit_test(an_altered_line_is_never_accepted),
		cmocka_unit_test(strange_files_are_told_by_line),
		cmocka_unit_test(nothing_may_follow_the_checksum),
		cmocka_unit_test(a_certificate_has_to_match_its_keys),
		cmocka_unit_test(a_small_buffer_is_no_short_text),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
