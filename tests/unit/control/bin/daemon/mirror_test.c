// What a mirror wants, keeps and gives, by a node that writes down what it is told.
#include "control/bin/daemon/mirror.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "control/admin/log.h"
#include "crypto/sha.h"
#include "tests/support/test.h"
#include "tests/unit/control/bin/daemon/fake_backend.h"

#define PIECE   FILE_PIECE_USUAL
#define PIECES  3
#define HIGHEST OBJECT_INDEX_MAX

// ---- the node ----

struct node_group {
	struct ranges have, want;
	uint32_t n_refused, n_written, n_denied;
	uint64_t n_given, given_bytes; // by workers
	uint64_t refused, written_request;
	uint8_t written[256];
	uint32_t written_len;
};

int node_have_add(struct node_group *g, uint64_t first, uint64_t last, uint64_t now_us)
{
	return ranges_add(&g->have, first, last);
}

int node_have_remove(struct node_group *g, uint64_t first, uint64_t last, uint64_t now_us)
{
	return ranges_remove(&g->have, first, last);
}

int node_want_add(struct node_group *g, uint64_t first, uint64_t last, uint64_t now_us)
{
	return ranges_add(&g->want, first, last);
}

int node_want_remove(struct node_group *g, uint64_t first, uint64_t last, uint64_t now_us)
{
	return ranges_remove(&g->want, first, last);
}

int node_object_write(struct node_group *g, uint64_t request, enum object_encoding encoding,
		      const uint8_t *data, uint32_t len, uint64_t now_us)
{
	assert_int_equal(encoding, OBJECT_OPAQUE);
	g->n_written++;
	g->written_request = request;
	g->written_len = len;
	memcpy(g->written, data, len < sizeof(g->written) ? len : sizeof(g->written));
	return 0;
}

int node_object_deny(struct node_group *g, uint64_t request, uint64_t now_us)
{
	g->n_denied++;
	return 0;
}

void node_objects_given(struct node_group *g, uint64_t n, uint64_t octets, uint64_t now_us)
{
	g->n_given += n;
	g->given_bytes += octets;
}

void node_object_refuse(struct node_group *g, uint64_t index, const uint8_t peer_id[32],
			uint64_t now_us)
{
	g->n_refused++;
	g->refused = index;
	node_want_add(g, index, index, now_us);
}

// ---- a file ----

struct film {
	uint8_t root[256], list[PIECES * FILE_HASH_LEN];
	uint8_t pieces[PIECES][PIECE];
	uint32_t root_len;
	char hash[2 * FILE_HASH_LEN + 1];
};

static void film_make(struct film *f, uint8_t seed)
{
	struct file_root root = {.name = span_of("film", 4)};
	uint8_t hash[FILE_HASH_LEN];
	struct wr w = wr_over(f->root, sizeof(f->root));

	for (int i = 0; i < PIECES; i++) {
		memset(f->pieces[i], seed + i, PIECE);
		sha256(f->pieces[i], PIECE, f->list + (size_t)i * FILE_HASH_LEN);
	}
	assert_int_equal(file_layout_of(&root.layout, PIECES * PIECE), 0);
	sha256(f->list, sizeof(f->list), hash);
	root.list_hashes = hash;
	assert_int_equal(file_root_write(&w, &root), 0);
	f->root_len = (uint32_t)w.len;
	sha256(f->root, f->root_len, hash);
	for (int i = 0; i < FILE_HASH_LEN; i++)
		snprintf(f->hash + 2 * i, 3, "%02x", hash[i]);
}

// ---- the mirror ----

struct place {
	char dir[64];
	struct config config;
	struct config_group groups[1];
	struct node_group group;
	struct node_group *of[1];
	struct mirrors ms;
	struct film film;
};

static struct mirror *mirror(struct place *p)
{
	return &p->ms.all[0];
}

static void up(struct place *p)
{
	char why[300];

	ranges_clear(&p->group.have);
	ranges_clear(&p->group.want);
	assert_int_equal(mirrors_init(&p->ms, &p->config, p->of, NULL, why, sizeof(why), 0), 0);
}

static void again(struct place *p)
{
	mirrors_fini(&p->ms);
	up(p);
}

static int begin(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	snprintf(p->dir, sizeof(p->dir), "/tmp/annulus-mirror-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	ranges_init(&p->group.have, 100);
	ranges_init(&p->group.want, 100);
	p->of[0] = &p->group;
	p->groups[0] = (struct config_group){
		.name = "g", .mirror = {.is_enabled = true, .bytes_max = 1 << 20, .root = ""}};
	p->config =
		(struct config){.groups = p->groups, .n_groups = 1, .objects_directory = p->dir};
	film_make(&p->film, 1);
	up(p);
	*state = p;
	return 0;
}

static int end(void **state)
{
	struct place *p = *state;
	char command[100];

	mirrors_fini(&p->ms);
	ranges_clear(&p->group.have);
	ranges_clear(&p->group.want);
	snprintf(command, sizeof(command), "rm -rf %s", p->dir);
	free(p);
	return system(command) == 0 ? 0 : -1;
}

// An object came; the node wants it no more.
static void comes(struct place *p, uint64_t index, const void *octets, uint32_t len)
{
	struct node_event e = {.kind = NODE_FETCH_RESULT,
			       .number = index,
			       .data = octets,
			       .len = len,
			       .encoding = OBJECT_OPAQUE};

	ranges_remove(&p->group.want, index, index);
	mirrors_event(&p->ms, 0, &e, 0);
}

static void asked_for(struct place *p, uint64_t index, uint64_t request)
{
	struct node_event e = {.kind = NODE_OBJECT_REQUEST, .number = index, .request = request};

	mirrors_event(&p->ms, 0, &e, 0);
}

// Until nothing waits for the disk, and there were so many answers.
static void settle(struct place *p, uint32_t n_answers)
{
	struct pollfd fd = {.fd = mirrors_fd(&p->ms), .events = POLLIN};

	while (mirror(p)->waiting_bytes > 0 || p->group.n_written + p->group.n_denied < n_answers) {
		assert_int_equal(poll(&fd, 1, 60000), 1);
		mirrors_poll(&p->ms, 0);
	}
}

static void film_comes(struct place *p)
{
	comes(p, 0, p->film.root, p->film.root_len);
	comes(p, 1, p->film.list, sizeof(p->film.list));
	for (uint64_t i = 0; i < PIECES; i++)
		comes(p, 2 + i, p->film.pieces[i], PIECE);
	settle(p, 0);
}

static void a_file_is_wanted_step_by_step_and_verified(void **state)
{
	struct place *p = *state;

	assert_int_equal(mirror(p)->state, MIRROR_LOOKING);
	assert_true(p->group.want.n == 1 && ranges_count(&p->group.want) == 1);
	comes(p, 0, p->film.root, p->film.root_len);
	assert_int_equal(mirror(p)->state, MIRROR_FILE);
	assert_true(ranges_has(&p->group.want, 1) && ranges_count(&p->group.want) == 1);
	comes(p, 1, p->film.root, p->film.root_len); // not that list
	assert_true(p->group.n_refused == 1 && p->group.refused == 1);
	comes(p, 1, p->film.list, sizeof(p->film.list));
	assert_int_equal(ranges_count(&p->group.want), PIECES);
	comes(p, 2, p->film.pieces[1], PIECE); // another piece
	assert_true(p->group.n_refused == 2 && p->group.refused == 2);
	comes(p, 77, p->film.pieces[1], PIECE); // nothing of this file
	assert_int_equal(p->group.n_refused, 3);
	settle(p, 0);
	assert_int_equal(ranges_count(&p->group.have), 2); // what is on the disk
	assert_int_equal(mirror(p)->n_false, 3);
}

static void what_is_kept_is_given_also_by_the_next_process(void **state)
{
	struct place *p = *state;

	film_comes(p);
	assert_int_equal(ranges_count(&p->group.have), 2 + PIECES);
	for (int round = 1; round <= 2; round++) {
		asked_for(p, 3, 40 + round);
		settle(p, round);
		assert_int_equal(p->group.n_written, round);
		assert_int_equal(p->group.written_request, 40 + round);
		assert_int_equal(p->group.written_len, PIECE);
		assert_memory_equal(p->group.written, p->film.pieces[1], sizeof(p->group.written));
		again(p);
		assert_int_equal(ranges_count(&p->group.have), 2 + PIECES);
		assert_int_equal(p->group.want.n, 0); // nor is anything fetched twice
		assert_int_equal(mirror(p)->state, MIRROR_FILE);
	}
	asked_for(p, 77, 50); // what is not there
	settle(p, 3);
	assert_int_equal(p->group.n_denied, 1);
}

static void a_half_goes_on_where_it_was(void **state)
{
	struct place *p = *state;

	comes(p, 0, p->film.root, p->film.root_len);
	comes(p, 1, p->film.list, sizeof(p->film.list));
	comes(p, 3, p->film.pieces[1], PIECE);
	settle(p, 0);
	again(p);
	assert_int_equal(ranges_count(&p->group.want), PIECES - 1);
	assert_false(ranges_has(&p->group.want, 3));
}

static void what_is_no_file_is_kept_as_it_comes(void **state)
{
	struct place *p = *state;

	comes(p, 0, "hello", 5);
	assert_int_equal(mirror(p)->state, MIRROR_OBJECTS);
	assert_true(ranges_count(&p->group.want) == HIGHEST && p->group.want.n == 1);
	comes(p, HIGHEST, "world", 5);
	settle(p, 0);
	assert_int_equal(ranges_count(&p->group.have), 2);
	again(p);
	assert_int_equal(mirror(p)->state, MIRROR_OBJECTS);
	assert_true(ranges_count(&p->group.want) == HIGHEST - 1);
	asked_for(p, HIGHEST, 1);
	settle(p, 1);
	assert_memory_equal(p->group.written, "world", 5);
}

static void more_than_its_size_is_refused_and_what_is_there_stays(void **state)
{
	static uint8_t big[400000];
	struct place *p = *state;

	comes(p, 0, "hello", 5);
	for (uint64_t i = 1; i <= 4; i++)
		comes(p, i, big, sizeof(big));
	settle(p, 0);
	assert_int_equal(mirror(p)->state, MIRROR_FULL);
	assert_int_equal(mirror(p)->bytes, 5 + 2 * sizeof(big));
	assert_int_equal(mirror(p)->n_full, 1); // wanted no more, so it comes no more
	assert_int_equal(p->group.want.n, 0);
	asked_for(p, 2, 1);
	settle(p, 1);
	assert_int_equal(p->group.written_len, sizeof(big));
}

static void a_file_beyond_its_size_is_not_begun(void **state)
{
	struct place *p = *state;

	p->groups[0].mirror.bytes_max = PIECE;
	comes(p, 0, p->film.root, p->film.root_len);
	settle(p, 0);
	assert_int_equal(mirror(p)->state, MIRROR_FULL);
	assert_int_equal(mirror(p)->bytes, 0);
	assert_int_equal(p->group.want.n, 0);
}

// What workers gave is counted once, whenever it is looked at.
static void what_workers_gave_is_told_to_the_group(void **state)
{
	struct place *p = *state;
	struct fake_backend b = {.base.kind = &fake_kind};

	b.objects[0][1] = (struct object_gauge){.n_given = 3, .given_bytes = 300, .n_kept = 1};
	b.objects[1][1] = (struct object_gauge){.n_given = 4, .given_bytes = 400, .n_kept = 2};
	mirrors_look(&p->ms, &b.base, FAKE_WORKERS, 1000000);
	assert_true(p->group.n_given == 7 && p->group.given_bytes == 700);
	assert_true(mirror(p)->workers.n_kept == 3);
	b.objects[0][1].n_given = 5;
	mirrors_look(&p->ms, &b.base, FAKE_WORKERS, 1999999); // not yet
	assert_int_equal(p->group.n_given, 7);
	mirrors_look(&p->ms, &b.base, FAKE_WORKERS, 2000000);
	assert_true(p->group.n_given == 9 && p->group.given_bytes == 700);
}

static void another_root_than_the_configured_one_is_refused(void **state)
{
	struct place *p = *state;
	struct film other;

	p->groups[0].mirror.root = p->film.hash;
	film_make(&other, 100);
	comes(p, 0, other.root, other.root_len);
	assert_int_equal(p->group.n_refused, 1);
	comes(p, 0, "no root at all", 14);
	assert_int_equal(p->group.n_refused, 2);
	assert_int_equal(mirror(p)->state, MIRROR_LOOKING);
	film_comes(p);
	assert_int_equal(ranges_count(&p->group.have), 2 + PIECES);
	// Another one is configured then: what was kept goes.
	p->groups[0].mirror.root = other.hash;
	again(p);
	assert_int_equal(mirror(p)->state, MIRROR_LOOKING);
	assert_int_equal(p->group.have.n, 0);
	assert_int_equal(mirror(p)->bytes, 0);
	again(p);
	assert_int_equal(p->group.have.n, 0);
}

static void who_does_not_mirror_has_no_store(void **state)
{
	struct place *p = *state;

	mirrors_fini(&p->ms);
	p->groups[0].mirror.is_enabled = false;
	up(p);
	assert_int_equal(mirrors_fd(&p->ms), -1);
	asked_for(p, 0, 1);
	mirrors_poll(&p->ms, 0);
	assert_int_equal(p->group.want.n + p->group.have.n, 0);
}

// ---- several files ----

#define SECOND 1000000ull
#define IDLE   (3600 * SECOND)

static void restart_with(struct place *p, uint64_t n_files, uint64_t bytes_max)
{
	p->groups[0].mirror.files = n_files;
	p->groups[0].mirror.bytes_max = bytes_max;
	p->groups[0].mirror.idle_us = IDLE;
	again(p);
}

static void comes_at(struct place *p, uint64_t index, const void *octets, uint32_t len,
		     uint64_t now_us)
{
	struct node_event e = {.kind = NODE_FETCH_RESULT,
			       .number = index,
			       .data = octets,
			       .len = len,
			       .encoding = OBJECT_OPAQUE};

	ranges_remove(&p->group.want, index, index);
	mirrors_event(&p->ms, 0, &e, now_us);
}

// What is wanted of a film comes.
static void film_comes_as(struct place *p, uint32_t file, uint8_t seed, uint64_t now_us)
{
	static struct film film;
	uint64_t base = file * FILE_STRIDE;
	struct pollfd fd = {.fd = mirrors_fd(&p->ms), .events = POLLIN};

	film_make(&film, seed);
	comes_at(p, base, film.root, film.root_len, now_us);
	if (ranges_has(&p->group.want, base + 1))
		comes_at(p, base + 1, film.list, sizeof(film.list), now_us);
	for (uint64_t i = 0; i < PIECES; i++)
		if (ranges_has(&p->group.want, base + 2 + i))
			comes_at(p, base + 2 + i, film.pieces[i], PIECE, now_us);
	for (bool waits = true; waits;) {
		waits = false;
		for (uint32_t i = 0; i < p->ms.n; i++)
			waits |= p->ms.all[i].waiting_bytes > 0 || p->ms.all[i].is_removing;
		if (waits)
			assert_int_equal(poll(&fd, 1, 60000), 1);
		mirrors_poll(&p->ms, now_us);
	}
}

static bool has_file(const struct place *p, uint32_t file)
{
	uint64_t base = file * FILE_STRIDE;

	for (uint64_t i = 0; i < 2 + PIECES; i++)
		if (!ranges_has(&p->group.have, base + i))
			return false;
	return true;
}

static void asks(struct place *p, uint64_t index, uint64_t now_us)
{
	struct node_event e = {.kind = NODE_OBJECT_REQUEST, .number = index, .request = 1};
	uint32_t n = p->group.n_written + p->group.n_denied;

	mirrors_event(&p->ms, 0, &e, now_us);
	settle(p, n + 1);
}

// Time passes: whoever waits is looked for again.
static void wait_until(struct place *p, uint64_t now_us)
{
	struct fake_backend b = {.base.kind = &fake_kind};

	mirrors_look(&p->ms, &b.base, FAKE_WORKERS, now_us);
}

static void several_files_are_kept_side_by_side(void **state)
{
	struct place *p = *state;

	restart_with(p, 3, 1 << 20);
	assert_int_equal(ranges_count(&p->group.want), 3); // their roots
	film_comes_as(p, 0, 1, SECOND);
	film_comes_as(p, 2, 50, SECOND);
	assert_true(has_file(p, 0) && has_file(p, 2));
	assert_true(p->group.want.n == 1 && ranges_has(&p->group.want, FILE_STRIDE));
	for (int round = 0; round < 2; round++) {
		asks(p, 2 * FILE_STRIDE + 3, SECOND);
		assert_int_equal(p->group.written_len, PIECE);
		assert_int_equal(p->group.written[0], 51);
		asks(p, 3, SECOND);
		assert_int_equal(p->group.written[0], 2);
		again(p);
		assert_true(has_file(p, 0) && has_file(p, 2));
		assert_true(ranges_count(&p->group.want) == 1);
	}
	comes_at(p, FILE_STRIDE, "no root", 7, SECOND); // among files, nothing else
	assert_true(p->group.n_refused == 1 && p->group.refused == FILE_STRIDE);
	asks(p, 3 * FILE_STRIDE - 1, SECOND);
	assert_int_equal(p->group.n_denied, 1);
	restart_with(p, 2, 1 << 20); // there is no third one any more
	assert_true(has_file(p, 0) && !has_file(p, 2));
	restart_with(p, 3, 1 << 20);
	assert_false(has_file(p, 2));
}

// Two fit.
static void who_has_no_room_waits_until_somebody_is_idle(void **state)
{
	struct place *p = *state;

	restart_with(p, 3, 2 * (PIECES * PIECE + 1000));
	film_comes_as(p, 0, 1, SECOND);
	film_comes_as(p, 1, 50, 2 * SECOND);
	film_comes_as(p, 2, 100, 3 * SECOND);
	assert_int_equal(p->ms.all[2].state, MIRROR_NO_ROOM);
	assert_true(p->ms.all[2].n_full == 1 && p->ms.all[2].bytes == 0);
	assert_int_equal(p->group.want.n, 0);
	asks(p, 0, 10 * SECOND);
	wait_until(p, 62 * SECOND);
	assert_int_equal(p->group.want.n, 0);
	wait_until(p, 64 * SECOND); // once more, and it has no more luck
	assert_true(ranges_has(&p->group.want, 2 * FILE_STRIDE));
	film_comes_as(p, 2, 100, 64 * SECOND);
	assert_true(has_file(p, 0) && has_file(p, 1) && !has_file(p, 2));
	// The second one is the one that was asked for least recently.
	wait_until(p, IDLE + 5 * SECOND);
	film_comes_as(p, 2, 100, IDLE + 5 * SECOND);
	assert_true(has_file(p, 0) && !has_file(p, 1) && has_file(p, 2));
	assert_true(p->ms.all[1].state == MIRROR_NO_ROOM && p->ms.all[1].n_removed == 1);
	asks(p, FILE_STRIDE, IDLE + 5 * SECOND);
	assert_int_equal(p->group.n_denied, 1);
	// It is looked for again when it may take somebody's place, not before.
	wait_until(p, 2 * IDLE);
	assert_int_equal(p->group.want.n, 0);
	wait_until(p, 2 * IDLE + 5 * SECOND);
	assert_true(ranges_has(&p->group.want, FILE_STRIDE));
	again(p); // and it has gone from the disk
	assert_true(has_file(p, 0) && !has_file(p, 1) && has_file(p, 2));
	assert_int_equal(p->ms.all[1].bytes, 0);
	film_comes_as(p, 1, 50, SECOND);
	assert_false(has_file(p, 1));
}

static void a_file_that_never_fits_pushes_nobody_out(void **state)
{
	struct place *p = *state;

	restart_with(p, 2, PIECES * PIECE + 1000);
	film_comes_as(p, 0, 1, SECOND);
	p->groups[0].mirror.bytes_max = PIECES * PIECE - 1;
	wait_until(p, 2 * IDLE);
	film_comes_as(p, 1, 50, 2 * IDLE);
	assert_int_equal(p->ms.all[1].state, MIRROR_FULL);
	assert_true(has_file(p, 0));
}

static void a_store_that_cannot_be_opened_is_told(void **state)
{
	struct place *p = *state;
	struct mirrors ms = {.n = 0};
	char why[300];

	p->config.objects_directory = "/proc/none/at/all";
	assert_int_equal(mirrors_init(&ms, &p->config, p->of, NULL, why, sizeof(why), 0), -ENOENT);
	assert_non_null(strstr(why, "objects.directory /proc/none/at/all"));
	mirrors_fini(&ms);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		T(a_file_is_wanted_step_by_step_and_verified),
		T(what_is_kept_is_given_also_by_the_next_process),
		T(a_half_goes_on_where_it_was),
		T(what_is_no_file_is_kept_as_it_comes),
		T(more_than_its_size_is_refused_and_what_is_there_stays),
		T(a_file_beyond_its_size_is_not_begun),
		T(several_files_are_kept_side_by_side),
		T(who_has_no_room_waits_until_somebody_is_idle),
		T(a_file_that_never_fits_pushes_nobody_out),
		T(what_workers_gave_is_told_to_the_group),
		T(another_root_than_the_configured_one_is_refused),
		T(who_does_not_mirror_has_no_store),
		T(a_store_that_cannot_be_opened_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
