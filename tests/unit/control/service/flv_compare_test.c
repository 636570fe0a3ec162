// The judge of the demo is itself judged: what must pass passes, and one flipped octet, one dropped
// tag, one shifted timestamp each fail.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/service/flv.h"
#include "control/service/flv_compare.h"

#define META  "\x02\x00\x0aonMetaData"
#define VCONF "\x17\x00\x00\x00\x00\x01"
#define ACONF "\xaf\x00\x12\x10"
#define N_MAX 300

struct script_tag {
	uint8_t type;
	uint32_t ms;
	uint8_t len;
	char body[14];
};

struct script {
	struct script_tag tags[N_MAX];
	uint32_t n;
};

static void add(struct script *s, uint8_t type, uint32_t ms, const char *body, uint8_t len)
{
	struct script_tag *t = &s->tags[s->n++];

	*t = (struct script_tag){.type = type, .ms = ms, .len = len};
	memcpy(t->body, body, len);
}

static void add_headers(struct script *s, uint32_t ms)
{
	add(s, 18, ms, META, 13);
	add(s, 9, ms, VCONF, 6);
	add(s, 8, ms, ACONF, 4);
}

// Ten seconds: a key frame every 2 s, a picture every 200 ms, sound in between.
static struct script source_script(void)
{
	struct script s = {.n = 0};

	add_headers(&s, 0);
	for (uint32_t ms = 0; ms < 10000; ms += 200) {
		char picture[] = {ms % 2000 ? 0x27 : 0x17, 1, 0, 0, (char)(ms / 200), 5};
		char sound[] = {(char)0xaf, 1, (char)(ms / 200)};

		add(&s, 9, ms, picture, sizeof(picture));
		add(&s, 8, ms + 20, sound, sizeof(sound));
	}
	return s;
}

// What a player writes that starts at the key frame of `from_ms`.
static struct script played_from(const struct script *source, uint32_t from_ms)
{
	struct script s = {.n = 0};
	uint32_t i = 3;

	while (source->tags[i].ms < from_ms)
		i++;
	add_headers(&s, from_ms);
	for (; i < source->n; i++)
		s.tags[s.n++] = source->tags[i];
	return s;
}

static struct flv_file *file_of(const struct script *s)
{
	char *data;
	size_t len;
	FILE *f = open_memstream(&data, &len);
	struct flv_file *file;
	char why[160];

	assert_int_equal(flv_write_header(f, true, true), 0);
	for (uint32_t i = 0; i < s->n; i++) {
		struct flv_tag t = {s->tags[i].type,
				    s->tags[i].ms,
				    {(const uint8_t *)s->tags[i].body, s->tags[i].len}};

		assert_int_equal(flv_write_tag(f, &t), 0);
	}
	fclose(f);
	file = flv_file_of((const uint8_t *)data, (uint32_t)len, why, sizeof(why));
	assert_non_null(file);
	free(data);
	return file;
}

static struct flv_verdict judge(const struct script *source, const struct script *played,
				struct flv_expect x)
{
	struct flv_file *a = file_of(source), *b = file_of(played);
	struct flv_verdict v;

	flv_compare(a, b, &x, &v);
	assert_int_equal(v.passed, v.why[0] == '\0');
	flv_file_free(a);
	flv_file_free(b);
	return v;
}

static const struct flv_expect from_start = {.from_start = true, .has_ended = true};
static const struct flv_expect late_at_5s = {
	.joined_ms = 5000, .late_max_ms = 3000, .has_ended = true};

static void a_whole_copy_passes(void **state)
{
	struct script source = source_script();
	struct script copy = played_from(&source, 0);

	assert_true(judge(&source, &copy, from_start).passed);
}

static void repeats_on_either_side_do_not_matter(void **state)
{
	struct script source = source_script(), copy = played_from(&source, 0);

	add(&source, 9, 9999, VCONF, 6);
	memmove(&copy.tags[41], &copy.tags[40], (copy.n - 40) * sizeof(copy.tags[0]));
	copy.tags[40] = (struct script_tag){8, 3000, 4, ACONF};
	copy.n++;
	assert_true(judge(&source, &copy, from_start).passed);
}

static void a_changed_header_must_be_there(void **state)
{
	struct script source = source_script(), copy;

	memmove(&source.tags[41], &source.tags[40], (source.n - 40) * sizeof(source.tags[0]));
	source.tags[40] = (struct script_tag){9, source.tags[39].ms, 6, "\x17\x00\x00\x00\x00\x02"};
	source.n++;
	copy = played_from(&source, 0);
	assert_true(judge(&source, &copy, from_start).passed);
	memmove(&copy.tags[40], &copy.tags[41], (copy.n - 41) * sizeof(copy.tags[0]));
	copy.n--;
	assert_false(judge(&source, &copy, from_start).passed);
}

static void a_late_player_passes_from_a_near_key_frame(void **state)
{
	struct script source = source_script();
	struct script near = played_from(&source, 6000), far = played_from(&source, 8000);
	struct flv_expect at_4900 = late_at_5s;

	assert_true(judge(&source, &near, late_at_5s).passed);
	assert_true(judge(&source, &far, late_at_5s).passed);
	at_4900.joined_ms = 4900;
	assert_false(judge(&source, &far, at_4900).passed);
	assert_false(judge(&source, &near, from_start).passed);
}

static void every_flipped_octet_fails(void **state)
{
	struct script source = source_script();

	for (uint32_t i = 0; i < source.n; i++) {
		struct script copy = played_from(&source, 0);

		copy.tags[i].body[copy.tags[i].len - 1] ^= 1;
		assert_false(judge(&source, &copy, from_start).passed);
	}
}

static void every_dropped_tag_fails(void **state)
{
	struct script source = source_script();

	for (uint32_t i = 0; i < source.n; i++) {
		struct script copy = played_from(&source, 0);

		memmove(&copy.tags[i], &copy.tags[i + 1], (copy.n - i - 1) * sizeof(copy.tags[0]));
		copy.n--;
		assert_false(judge(&source, &copy, from_start).passed);
	}
}

static void every_shifted_timestamp_fails(void **state)
{
	struct script source = source_script();

	for (uint32_t i = 3; i < source.n; i++) { // the headers' own times are the repeater's
		struct script copy = played_from(&source, 0);

		copy.tags[i].ms++;
		assert_false(judge(&source, &copy, from_start).passed);
	}
}

static void two_swapped_tags_fail(void **state)
{
	struct script source = source_script(), copy = played_from(&source, 0);
	struct script_tag t = copy.tags[20];

	copy.tags[20] = copy.tags[21];
	copy.tags[21] = t;
	assert_false(judge(&source, &copy, from_start).passed);
}

static void a_tag_too_many_fails(void **state)
{
	struct script source = source_script(), copy = played_from(&source, 0);

	add(&copy, 8, 10000, "\xaf\x01\x00", 3);
	assert_false(judge(&source, &copy, from_start).passed);
}

static void headers_must_come_first_and_be_the_sources(void **state)
{
	struct script source = source_script(), copy = played_from(&source, 0);
	struct script_tag t = copy.tags[2];

	copy.tags[2].body[2] ^= 1;
	assert_false(judge(&source, &copy, from_start).passed);
	copy = played_from(&source, 0);
	copy.tags[2] = copy.tags[3];
	copy.tags[3] = t;
	assert_false(judge(&source, &copy, from_start).passed);
}

static void a_player_that_did_not_end_fails(void **state)
{
	struct script source = source_script(), copy = played_from(&source, 0);
	struct flv_expect x = from_start;

	x.has_ended = false;
	assert_false(judge(&source, &copy, x).passed);
}

static void an_empty_player_file_fails(void **state)
{
	struct script source = source_script(), copy = {.n = 0};

	assert_false(judge(&source, &copy, from_start).passed);
}

// ---- pictures, sound and data that travelled apart ----

static const struct flv_expect apart = {.from_start = true, .has_ended = true, .is_apart = true};

static void swap(struct script *s, uint32_t a, uint32_t b)
{
	struct script_tag t = s->tags[a];

	s->tags[a] = s->tags[b];
	s->tags[b] = t;
}

static void cut(struct script *s, uint32_t at)
{
	memmove(&s->tags[at], &s->tags[at + 1], (s->n - at - 1) * sizeof(s->tags[0]));
	s->n--;
}

static void order_between_sound_and_pictures_may_differ(void **state)
{
	struct script source = source_script(), copy = played_from(&source, 0);

	swap(&copy, 10, 11);
	assert_true(judge(&source, &copy, apart).passed);
	assert_false(judge(&source, &copy, from_start).passed);
	swap(&copy, 10, 12); // two of the same kind
	assert_false(judge(&source, &copy, apart).passed);
}

static void a_missing_tag_is_missed_apart_too(void **state)
{
	struct script source = source_script();

	for (uint32_t at = 5; at < source.n;
	     at += 13) { // sound and pictures by turns, the last too
		struct script copy = played_from(&source, 0);

		cut(&copy, at);
		assert_false(judge(&source, &copy, apart).passed);
	}
}

static void sound_may_begin_half_a_second_after_the_key_frame(void **state)
{
	struct script source = source_script(), copy = played_from(&source, 0);

	for (uint32_t i = 0; i < 2; i++) // of 20 and 220 ms
		cut(&copy, 4 + i);
	assert_true(judge(&source, &copy, apart).passed);
	cut(&copy, 6); // of 420 ms: 620 is too late
	assert_false(judge(&source, &copy, apart).passed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order_between_sound_and_pictures_may_differ),
		cmocka_unit_test(a_missing_tag_is_missed_apart_too),
		cmocka_unit_test(sound_may_begin_half_a_second_after_the_key_frame),
		cmocka_unit_test(a_whole_copy_passes),
		cmocka_unit_test(repeats_on_either_side_do_not_matter),
		cmocka_unit_test(a_changed_header_must_be_there),
		cmocka_unit_test(a_late_player_passes_from_a_near_key_frame),
		cmocka_unit_test(every_flipped_octet_fails),
		cmocka_unit_test(every_dropped_tag_fails),
		cmocka_unit_test(every_shifted_timestamp_fails),
		cmocka_unit_test(two_swapped_tags_fail),
		cmocka_unit_test(a_tag_too_many_fails),
		cmocka_unit_test(headers_must_come_first_and_be_the_sources),
		cmocka_unit_test(a_player_that_did_not_end_fails),
		cmocka_unit_test(an_empty_player_file_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
