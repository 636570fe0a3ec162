#include "control/bin/daemon/mirror.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/admin/log.h"
#include "control/peer_id.h"
#include "crypto/sha.h"

#define HAVE_RANGES_MAX (1u << 20)
#define OVERHEAD        4 // a quarter more of disk than of objects: pages and their tree
#define MAP_MIN         (16u << 20)
#define LOOK_US         1000000
#define RETRY_US        60000000 // a file for which there was no room is looked at again

const char *mirror_state_name(enum mirror_state s)
{
	static const char *const names[] = {
#define X(id, text) [MIRROR_##id] = text,
		MIRROR_STATES(X)
#undef X
	};

	return names[s];
}

static const uint8_t *group_id(const struct mirror *m)
{
	return m->config->id;
}

// ---- what is wanted, and what is told ----

static void want_range(struct mirror *m, const struct index_range *r, uint64_t now_us)
{
	node_want_add(m->group, m->base + r->first, m->base + r->last, now_us);
}

static void want(struct mirror *m, uint64_t from, uint64_t now_us)
{
	struct index_range r = {0, 0};

	if (m->state == MIRROR_LOOKING)
		want_range(m, &r, now_us);
	if (m->state == MIRROR_FILE)
		for (; file_tree_next_wanted(&m->tree, &m->have, from, &r); from = r.last + 1)
			want_range(m, &r, now_us);
	if (m->state == MIRROR_OBJECTS)
		for (; ranges_next_out(&m->have, from, m->last, &r); from = r.last + 1)
			want_range(m, &r, now_us);
}

static void tell_have(struct mirror *m, uint64_t now_us)
{
	m->has_untold = false;
	for (uint32_t i = 0; i < m->have.n; i++)
		m->has_untold |= node_have_add(m->group, m->base + m->have.at[i].first,
					       m->base + m->have.at[i].last, now_us) != 0;
}

static bool is_one_of_several(const struct mirror *m)
{
	return m->config->mirror.files > 1;
}

// Wants nothing more; what is there goes on being given.
static void stop(struct mirror *m, enum mirror_state why, uint64_t now_us)
{
	if (m->state == why)
		return;
	log_warning(m->log, "group %s: mirrored no further: %s", m->config->name,
		    why == MIRROR_FULL ? "it is bigger than groups[].mirror.size"
				       : "the store cannot be written");
	m->state = why;
	node_want_remove(m->group, m->base, m->last, now_us);
}

// ---- room for several ----

// The octets of all its objects. The root is not longer than one that is.
static uint64_t file_cost(const struct mirror *m)
{
	const struct file_layout *f = &m->tree.root.layout;

	return m->tree.root_len + f->n_pieces * FILE_HASH_LEN + f->length;
}

// Of the group's octets, what the others have or will have.
static uint64_t used_by_others(const struct mirror *m)
{
	uint64_t sum = 0;

	for (uint32_t i = m->all->first[m->group_number]; i < m->all->first[m->group_number + 1];
	     i++) {
		const struct mirror *o = &m->all->all[i];
		uint64_t bytes = o->bytes + o->waiting_bytes;

		if (o == m)
			continue;
		if (o->has_tree && file_cost(o) > bytes)
			bytes = file_cost(o);
		sum += bytes;
	}
	return sum;
}

static struct mirror *asked_for_least_recently(const struct mirror *m, uint64_t now_us)
{
	struct mirror *oldest = NULL;

	for (uint32_t i = m->all->first[m->group_number]; i < m->all->first[m->group_number + 1];
	     i++) {
		struct mirror *o = &m->all->all[i];

		if (o != m && o->has_tree && o->state == MIRROR_FILE &&
		    o->asked_us + m->config->mirror.idle_us <= now_us &&
		    (oldest == NULL || o->asked_us < oldest->asked_us))
			oldest = o;
	}
	return oldest;
}

static void forget_tree(struct mirror *m)
{
	if (m->has_tree)
		file_tree_clear(&m->tree);
	m->has_tree = false;
}

// It goes, and is not looked for as long as it would be kept.
static void remove_file(struct mirror *m, uint64_t now_us)
{
	struct stored_object o = {.index = m->base};

	memcpy(o.group, group_id(m), GROUP_ID_LEN);
	node_want_remove(m->group, m->base, m->last, now_us);
	node_have_remove(m->group, m->base, m->last, now_us);
	m->is_removing = store_thread_submit(m->store, STORE_REMOVE, &o, m->number, m->last) == 0;
	if (!m->is_removing) // no memory for a job: it stays on the disk until the next start
		m->n_errors++;
	ranges_clear(&m->have);
	forget_tree(m);
	m->bytes = 0;
	m->n_removed++;
	m->state = MIRROR_NO_ROOM;
	m->retry_us = now_us + m->config->mirror.idle_us;
	log_notice(m->log, "group %s: file %u goes, since nobody asked for it", m->config->name,
		   m->file);
}

// For a file whose root has just come. False: it waits.
static bool make_room(struct mirror *m, uint64_t now_us)
{
	uint64_t max = m->config->mirror.bytes_max;

	while (used_by_others(m) + file_cost(m) > max) {
		struct mirror *o = asked_for_least_recently(m, now_us);

		if (o == NULL)
			break;
		remove_file(o, now_us);
	}
	if (used_by_others(m) + file_cost(m) <= max)
		return true;
	if (m->n_full++ == 0)
		log_warning(m->log, "group %s: no room for file %u in groups[].mirror.size",
			    m->config->name, m->file);
	forget_tree(m);
	m->state = MIRROR_NO_ROOM;
	m->retry_us = now_us + RETRY_US;
	return false;
}

// ---- object 0 ----

static bool is_the_root(const struct mirror *m, struct span object)
{
	uint8_t want[FILE_HASH_LEN], hash[FILE_HASH_LEN];

	if (m->config->mirror.root[0] == '\0')
		return true;
	peer_id_parse(want, m->config->mirror.root); // as many digits; the schema has looked
	sha256(object.data, object.len, hash);
	return memcmp(hash, want, sizeof(hash)) == 0;
}

// 0; -EBADMSG: not the one that was configured.
static int root_take(struct mirror *m, struct span object)
{
	int err;

	if (!is_the_root(m, object))
		return -EBADMSG;
	err = file_tree_init(&m->tree, object);
	if (err == -ENOMEM)
		return err;
	if (err != 0 && is_one_of_several(m))
		return -EBADMSG; // among files nothing else is kept
	m->has_tree = err == 0;
	m->state = m->has_tree ? MIRROR_FILE : MIRROR_OBJECTS;
	return 0;
}

// 0; -EBADMSG, -EAGAIN: not what belongs there.
static int object_check(struct mirror *m, uint64_t index, struct span object)
{
	uint64_t number;

	if (index == 0)
		return m->state == MIRROR_LOOKING ? root_take(m, object) : -EAGAIN;
	if (m->state == MIRROR_OBJECTS)
		return 0;
	if (m->state != MIRROR_FILE)
		return -EAGAIN;
	switch (file_part_of(&m->tree.root.layout, index, &number)) {
	case FILE_LIST:
		return file_tree_learn(&m->tree, (uint32_t)number, object);
	case FILE_PIECE:
		return file_tree_check(&m->tree, number, object);
	default:
		return -EBADMSG;
	}
}

// ---- fetched ----

static void keep(struct mirror *m, const struct node_event *e, uint64_t now_us)
{
	struct stored_object o = {
		.index = e->number, .encoding = e->encoding, .octets = span_of(e->data, e->len)};

	memcpy(o.group, group_id(m), GROUP_ID_LEN);
	if (used_by_others(m) + m->bytes + m->waiting_bytes + e->len >
	    m->config->mirror.bytes_max) {
		m->n_full++;
		stop(m, MIRROR_FULL, now_us);
		return;
	}
	if (store_thread_submit(m->store, STORE_PUT, &o, m->number, 0) == 0) {
		m->waiting_bytes += e->len;
		return;
	}
	m->n_errors++; // the disk is slower than the network: once more, then
	node_want_add(m->group, e->number, e->number, now_us);
}

static void result(struct mirror *m, const struct node_event *e, uint64_t now_us)
{
	enum mirror_state before = m->state;
	uint64_t number, index = e->number - m->base;
	int err;

	if (before != MIRROR_LOOKING && before != MIRROR_FILE && before != MIRROR_OBJECTS)
		return; // it was on its way when we stopped
	err = object_check(m, index, span_of(e->data, e->len));
	if (err != 0) {
		m->n_false += err == -EBADMSG;
		node_object_refuse(m->group, e->number, e->peer, now_us);
		return;
	}
	if (m->has_tree && m->tree.root.layout.length > m->config->mirror.bytes_max) {
		m->n_full++;
		stop(m, MIRROR_FULL, now_us);
		if (is_one_of_several(m)) // it needs no room
			forget_tree(m);
		return;
	}
	if (before == MIRROR_LOOKING && is_one_of_several(m) && !make_room(m, now_us))
		return;
	m->asked_us = before == MIRROR_LOOKING ? now_us : m->asked_us;
	keep(m, e, now_us);
	if (before == MIRROR_LOOKING)
		want(m, 1, now_us);
	else if (m->state == MIRROR_FILE &&
		 file_part_of(&m->tree.root.layout, index, &number) == FILE_LIST)
		want(m, file_index_of_piece(&m->tree.root.layout, number * FILE_HASHES_PER_LIST),
		     now_us);
}

static void put_done(struct mirror *m, const struct store_job *j, uint64_t now_us)
{
	uint64_t len = j->object.octets.len, index = j->object.index - m->base;

	m->waiting_bytes -= len;
	if (j->err != 0) {
		m->n_errors++;
		stop(m, j->err == -ENOSPC ? MIRROR_FULL : MIRROR_FAILED, now_us);
		return;
	}
	if (m->is_removing) // it goes with the rest
		return;
	m->bytes += len;
	m->n_stored++;
	if (ranges_add(&m->have, index, index) != 0)
		return; // it is found again at the next start
	if (node_have_add(m->group, j->object.index, j->object.index, now_us) != 0 || m->has_untold)
		tell_have(m, now_us);
}

static void remove_done(struct mirror *m, const struct store_job *j)
{
	m->is_removing = false;
	m->n_errors += j->err != 0;
}

// ---- asked for ----

static void request(struct mirror *m, const struct node_event *e, uint64_t now_us)
{
	struct stored_object o = {.index = e->number};

	memcpy(o.group, group_id(m), GROUP_ID_LEN);
	m->asked_us = now_us;
	if (store_thread_submit(m->store, STORE_GET, &o, m->number, e->request) == 0)
		return;
	m->n_denied++;
	node_object_deny(m->group, e->request, now_us);
}

static void get_done(struct mirror *m, const struct store_job *j, uint64_t now_us)
{
	const struct stored_object *o = &j->object;

	if (j->err == 0) {
		if (node_object_write(m->group, j->request, o->encoding, o->octets.data,
				      (uint32_t)o->octets.len, now_us) == 0) {
			m->n_given++;
			m->given_bytes += o->octets.len;
		}
		return;
	}
	if (!m->is_removing)
		m->n_errors++;
	m->n_denied++;
	node_object_deny(m->group, j->request, now_us);
	node_have_remove(m->group, o->index, o->index, now_us); // we thought we had it
	if (o->index >= m->base && o->index <= m->last)
		ranges_cut(&m->have, o->index - m->base, o->index - m->base);
}

// ---- the store as it was left ----

static int read_object(struct object_store *s, const struct mirror *m, uint64_t index,
		       uint8_t *buffer, struct span *object)
{
	struct stored_object o = {.index = m->base + index};
	int err;

	memcpy(o.group, group_id(m), GROUP_ID_LEN);
	err = object_store_get(s, &o, buffer, OBJECT_LEN_MAX);
	*object = o.octets;
	return err;
}

// Another root is configured now: what was kept is of no use.
static int forget(struct object_store *s, struct mirror *m)
{
	ranges_clear(&m->have);
	m->bytes = 0;
	log_notice(m->log, "group %s: what was mirrored is of another root, and gone",
		   m->config->name);
	return object_store_remove_range(s, group_id(m), m->base, m->last);
}

// Objects of a group that kept something else once, or more files.
static int forget_beyond(struct object_store *s, struct mirror *m)
{
	uint64_t end = file_last_index(&m->tree.root.layout) + 1, n_bytes = 0;
	struct ranges beyond;
	int err;

	ranges_init(&beyond, HAVE_RANGES_MAX);
	err = object_store_list(s, group_id(m), m->base + end, m->last, &beyond, &n_bytes);
	if (err == 0 && beyond.n > 0)
		err = object_store_remove_range(s, group_id(m), m->base + end, m->last);
	if (err == 0)
		err = ranges_remove(&m->have, end, m->last - m->base);
	m->bytes -= n_bytes;
	ranges_clear(&beyond);
	return err;
}

static int recall(struct object_store *s, struct mirror *m, uint8_t *buffer)
{
	struct span object;
	int err = object_store_list(s, group_id(m), m->base, m->last, &m->have, &m->bytes);

	m->state = MIRROR_LOOKING;
	if (err != 0 || m->have.n == 0)
		return err;
	if (!ranges_has(&m->have, 0)) // it was put first
		return forget(s, m);
	err = read_object(s, m, 0, buffer, &object);
	if (err == 0)
		err = root_take(m, object);
	if (err == -EBADMSG)
		return forget(s, m);
	for (uint32_t i = 0; err == 0 && m->has_tree && i < m->tree.root.layout.n_lists; i++) {
		if (!ranges_has(&m->have, file_index_of_list(i)))
			continue;
		err = read_object(s, m, file_index_of_list(i), buffer, &object);
		if (err == 0)
			err = file_tree_learn(&m->tree, i, object);
	}
	return err == 0 && m->has_tree ? forget_beyond(s, m) : err;
}

// ---- all of them ----

static int recall_group(struct mirrors *ms, struct object_store *s, uint32_t group, uint8_t *buffer)
{
	const struct mirror *one = &ms->all[ms->first[group]];
	uint64_t end = one->config->mirror.files * FILE_STRIDE;
	int err = 0;

	if (!one->config->mirror.is_enabled)
		return 0;
	for (uint32_t i = ms->first[group]; i < ms->first[group + 1] && err == 0; i++)
		err = recall(s, &ms->all[i], buffer);
	if (err == 0 && is_one_of_several(one))
		err = object_store_remove_range(s, group_id(one), end, OBJECT_INDEX_MAX);
	return err;
}

static int start(struct mirrors *ms, struct object_store *s, uint64_t now_us)
{
	uint8_t *buffer = malloc(OBJECT_LEN_MAX);
	int err = buffer != NULL ? 0 : -ENOMEM;

	for (uint32_t i = 0; i < ms->n_groups && err == 0; i++)
		err = recall_group(ms, s, i, buffer);
	free(buffer);
	if (err == 0) {
		ms->store = store_thread_create(s);
		err = ms->store != NULL ? 0 : -errno;
	}
	for (uint32_t i = 0; i < ms->n && err == 0; i++) {
		struct mirror *m = &ms->all[i];

		m->store = ms->store;
		m->asked_us = now_us;
		if (m->state == MIRROR_OFF)
			continue;
		tell_have(m, now_us);
		want(m, 0, now_us);
	}
	return err;
}

static void mirror_make(struct mirrors *ms, const struct config *c, uint32_t group, uint32_t file,
			struct node_group *g, struct log *log)
{
	struct mirror *m = &ms->all[ms->n];
	bool is_one = c->groups[group].mirror.files <= 1;

	*m = (struct mirror){.number = ms->n++,
			     .group_number = group,
			     .file = file,
			     .base = file * FILE_STRIDE,
			     .last = is_one ? OBJECT_INDEX_MAX : (file + 1) * FILE_STRIDE - 1,
			     .all = ms,
			     .group = g,
			     .config = &c->groups[group],
			     .log = log};
	ranges_init(&m->have, HAVE_RANGES_MAX);
}

static uint32_t n_files(const struct config_group *g)
{
	return g->mirror.is_enabled && g->mirror.files > 1 ? (uint32_t)g->mirror.files : 1;
}

static int mirrors_make(struct mirrors *ms, const struct config *c,
			struct node_group *const *groups, struct log *log)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < c->n_groups; i++)
		n += n_files(&c->groups[i]);
	ms->n_groups = c->n_groups;
	ms->all = calloc(n + 1, sizeof(*ms->all));
	ms->first = calloc(c->n_groups + 1, sizeof(*ms->first));
	if (ms->all == NULL || ms->first == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < c->n_groups; i++) {
		ms->first[i] = ms->n;
		for (uint32_t k = 0; k < n_files(&c->groups[i]); k++)
			mirror_make(ms, c, i, k, groups[i], log);
	}
	ms->first[c->n_groups] = ms->n;
	return 0;
}

int mirrors_init(struct mirrors *ms, const struct config *c, struct node_group *const *groups,
		 struct log *log, char *why, uint32_t why_max, uint64_t now_us)
{
	uint64_t bytes = MAP_MIN;
	struct object_store *s;
	bool is_any = false;
	int err = mirrors_make(ms, c, groups, log);

	for (uint32_t i = 0; i < c->n_groups && err == 0; i++) {
		if (!c->groups[i].mirror.is_enabled)
			continue;
		is_any = true;
		bytes += c->groups[i].mirror.bytes_max + c->groups[i].mirror.bytes_max / OVERHEAD;
	}
	if (err != 0 || !is_any)
		return err;
	s = object_store_open(c->objects_directory, bytes & ~UINT64_C(0xffff), &err);
	if (s != NULL)
		err = start(ms, s, now_us);
	if (err == 0)
		return 0;
	if (s != NULL && ms->store == NULL)
		object_store_close(s);
	snprintf(why, why_max, "objects.directory %.200s: %s", c->objects_directory,
		 strerror(-err));
	return err;
}

void mirrors_fini(struct mirrors *ms)
{
	store_thread_destroy(ms->store);
	for (uint32_t i = 0; ms->all != NULL && i < ms->n; i++) {
		ranges_clear(&ms->all[i].have);
		if (ms->all[i].has_tree)
			file_tree_clear(&ms->all[i].tree);
	}
	free(ms->all);
	free(ms->first);
	*ms = (struct mirrors){.n = 0};
}

int mirrors_fd(const struct mirrors *ms)
{
	return ms->store != NULL ? store_thread_fd(ms->store) : -1;
}

void mirrors_poll(struct mirrors *ms, uint64_t now_us)
{
	struct store_job *j;

	while (ms->store != NULL && (j = store_thread_poll(ms->store)) != NULL) {
		if (j->op == STORE_PUT)
			put_done(&ms->all[j->user], j, now_us);
		else if (j->op == STORE_REMOVE)
			remove_done(&ms->all[j->user], j);
		else
			get_done(&ms->all[j->user], j, now_us);
		free(j);
	}
}

// NULL: of no file of it.
static struct mirror *mirror_of(struct mirrors *ms, uint32_t group, uint64_t index)
{
	uint32_t n = group < ms->n_groups ? ms->first[group + 1] - ms->first[group] : 0;
	uint64_t file = n > 1 ? index / FILE_STRIDE : 0;

	return file < n ? &ms->all[ms->first[group] + file] : NULL;
}

void mirrors_event(struct mirrors *ms, uint32_t number, const struct node_event *e, uint64_t now_us)
{
	struct mirror *m = mirror_of(ms, number, e->number);

	if (m == NULL || m->state == MIRROR_OFF)
		return;
	if (e->kind == NODE_FETCH_RESULT)
		result(m, e, now_us);
	else if (e->kind == NODE_OBJECT_REQUEST)
		request(m, e, now_us);
}

// ---- the workers' part ----

static void gauge_add(struct object_gauge *sum, const struct object_gauge *g)
{
	sum->n_given += g->n_given;
	sum->given_bytes += g->given_bytes;
	sum->n_missed += g->n_missed;
	sum->n_crowded += g->n_crowded;
	sum->n_evicted += g->n_evicted;
	sum->n_refused += g->n_refused;
	sum->n_kept += g->n_kept;
	sum->kept_bytes += g->kept_bytes;
}

static void look(struct mirror *m, struct backend *b, uint32_t n_workers, uint64_t now_us)
{
	struct object_gauge sum = {0};

	for (uint32_t w = 0; w < n_workers; w++) {
		struct object_gauge g = {0};

		b->kind->objects(b, w, (uint16_t)(m->group_number + 1),
				 &g); // as group_limits.budget
		gauge_add(&sum, &g);
	}
	node_objects_given(m->group, sum.n_given - m->workers.n_given,
			   sum.given_bytes - m->workers.given_bytes, now_us);
	m->workers = sum;
}

void mirrors_look(struct mirrors *ms, struct backend *b, uint32_t n_workers, uint64_t now_us)
{
	if (now_us < ms->look_us)
		return;
	ms->look_us = now_us + LOOK_US;
	for (uint32_t i = 0; i < ms->n; i++) {
		struct mirror *m = &ms->all[i];

		if (m->state != MIRROR_OFF && m->file == 0)
			look(m, b, n_workers, now_us);
		if (m->state == MIRROR_NO_ROOM && !m->is_removing && m->retry_us <= now_us) {
			m->state = MIRROR_LOOKING;
			want(m, 0, now_us);
		}
	}
}
