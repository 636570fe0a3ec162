#include "control/service/object_store.h"

#include <errno.h>
#include <lmdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define REMOVED_MAX 4096u // in one transaction
#define KEY_LEN     (GROUP_ID_LEN + 8)

struct object_store {
	MDB_env *env;
	MDB_dbi dbi;
};

// The index big endian, so that a group's objects lie in their order.
static void key_write(uint8_t key[KEY_LEN], const uint8_t group[GROUP_ID_LEN], uint64_t index)
{
	memcpy(key, group, GROUP_ID_LEN);
	be64_put(key + GROUP_ID_LEN, index);
}

static int errno_of(int err)
{
	if (err == MDB_NOTFOUND)
		return -ENOENT;
	if (err == MDB_MAP_FULL || err == ENOSPC)
		return -ENOSPC;
	return err > 0 ? -err : err != 0 ? -EIO : 0;
}

// ---- life ----

static int dbi_open(struct object_store *s)
{
	MDB_txn *txn;
	int err = mdb_txn_begin(s->env, NULL, 0, &txn);

	if (err != 0)
		return err;
	err = mdb_dbi_open(txn, NULL, 0, &s->dbi);
	if (err == 0)
		return mdb_txn_commit(txn);
	mdb_txn_abort(txn);
	return err;
}

struct object_store *object_store_open(const char *directory, uint64_t bytes_max, int *err)
{
	struct object_store *s = calloc(1, sizeof(*s));

	*err = -ENOMEM;
	if (s == NULL)
		return NULL;
	if (mkdir(directory, 0700) < 0 && errno != EEXIST) {
		*err = -errno;
		free(s);
		return NULL;
	}
	*err = mdb_env_create(&s->env);
	if (*err == 0)
		*err = mdb_env_set_mapsize(s->env, bytes_max);
	if (*err == 0) // objects are read once and big: reading ahead only pushes others out
		*err = mdb_env_open(s->env, directory, MDB_NORDAHEAD, 0600);
	if (*err == 0)
		*err = dbi_open(s);
	*err = errno_of(*err);
	if (*err == 0)
		return s;
	object_store_close(s);
	return NULL;
}

void object_store_close(struct object_store *s)
{
	if (s == NULL)
		return;
	if (s->env != NULL)
		mdb_env_close(s->env);
	free(s);
}

// ---- objects: an octet of encoding before each ----

static int put(struct object_store *s, MDB_txn *txn, const struct stored_object *o)
{
	uint8_t octets[KEY_LEN];
	MDB_val key = {KEY_LEN, octets}, value = {1 + o->octets.len, NULL};
	int err;

	key_write(octets, o->group, o->index);
	err = mdb_put(txn, s->dbi, &key, &value, MDB_RESERVE);
	if (err != 0)
		return err;
	*(uint8_t *)value.mv_data = o->encoding;
	memcpy((uint8_t *)value.mv_data + 1, o->octets.data, o->octets.len);
	return 0;
}

int object_store_put(struct object_store *s, const struct stored_object *objects, uint32_t n)
{
	MDB_txn *txn;
	int err = mdb_txn_begin(s->env, NULL, 0, &txn);

	if (err != 0)
		return errno_of(err);
	for (uint32_t i = 0; i < n && err == 0; i++)
		err = put(s, txn, &objects[i]);
	if (err == 0)
		return errno_of(mdb_txn_commit(txn));
	mdb_txn_abort(txn);
	return errno_of(err);
}

static int take(struct stored_object *o, const MDB_val *value, uint8_t *buffer, uint32_t max)
{
	const uint8_t *octets = value->mv_data;

	if (value->mv_size < 2)
		return -EIO;
	if (value->mv_size - 1 > max)
		return -EMSGSIZE;
	o->encoding = octets[0];
	memcpy(buffer, octets + 1, value->mv_size - 1);
	o->octets = span_of(buffer, value->mv_size - 1);
	return 0;
}

int object_store_get(struct object_store *s, struct stored_object *o, uint8_t *buffer, uint32_t max)
{
	uint8_t octets[KEY_LEN];
	MDB_val key = {KEY_LEN, octets}, value;
	MDB_txn *txn;
	int err = errno_of(mdb_txn_begin(s->env, NULL, MDB_RDONLY, &txn));

	if (err != 0)
		return err;
	key_write(octets, o->group, o->index);
	err = errno_of(mdb_get(txn, s->dbi, &key, &value));
	if (err == 0)
		err = take(o, &value, buffer, max);
	mdb_txn_abort(txn);
	return err;
}

// Up to REMOVED_MAX of them; *first: where to go on, above last when none is left.
static int remove_some(MDB_cursor *cursor, const uint8_t group[GROUP_ID_LEN], uint64_t *first,
		       uint64_t last)
{
	for (uint32_t n = 0; n < REMOVED_MAX; n++) {
		uint8_t octets[KEY_LEN];
		MDB_val key = {KEY_LEN, octets}, value;
		uint64_t index = UINT64_MAX;
		int err;

		key_write(octets, group, *first);
		err = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
		if (err == 0 && key.mv_size == KEY_LEN &&
		    memcmp(key.mv_data, group, GROUP_ID_LEN) == 0)
			index = be64_get((const uint8_t *)key.mv_data + GROUP_ID_LEN);
		if (err == MDB_NOTFOUND || (err == 0 && index > last)) {
			*first = last + 1;
			return 0;
		}
		if (err == 0)
			err = mdb_cursor_del(cursor, 0);
		if (err != 0)
			return err;
		*first = index + 1;
	}
	return 0;
}

int object_store_remove_range(struct object_store *s, const uint8_t group[GROUP_ID_LEN],
			      uint64_t first, uint64_t last)
{
	int err = 0;

	while (err == 0 && first <= last) {
		MDB_cursor *cursor;
		MDB_txn *txn;

		err = mdb_txn_begin(s->env, NULL, 0, &txn);
		if (err != 0)
			break;
		err = mdb_cursor_open(txn, s->dbi, &cursor);
		if (err == 0) {
			err = remove_some(cursor, group, &first, last);
			mdb_cursor_close(cursor);
		}
		if (err == 0)
			err = mdb_txn_commit(txn);
		else
			mdb_txn_abort(txn);
	}
	return errno_of(err);
}

static int list(MDB_cursor *cursor, const uint8_t group[GROUP_ID_LEN], uint64_t first,
		uint64_t last, struct ranges *have, uint64_t *bytes)
{
	uint8_t octets[KEY_LEN];
	MDB_val key = {KEY_LEN, octets}, value;
	int err;

	key_write(octets, group, first);
	for (err = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE); err == 0;
	     err = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) {
		uint64_t index;

		if (key.mv_size != KEY_LEN || memcmp(key.mv_data, group, GROUP_ID_LEN) != 0)
			return 0;
		index = be64_get((const uint8_t *)key.mv_data + GROUP_ID_LEN);
		if (index > OBJECT_INDEX_MAX)
			return -EIO;
		if (index > last)
			return 0;
		err = ranges_add(have, index - first, index - first);
		if (err != 0)
			return err;
		*bytes += value.mv_size - 1;
	}
	return err == MDB_NOTFOUND ? 0 : errno_of(err);
}

int object_store_list(struct object_store *s, const uint8_t group[GROUP_ID_LEN], uint64_t first,
		      uint64_t last, struct ranges *have, uint64_t *bytes)
{
	MDB_cursor *cursor;
	MDB_txn *txn;
	int err = errno_of(mdb_txn_begin(s->env, NULL, MDB_RDONLY, &txn));

	if (err != 0)
		return err;
	err = errno_of(mdb_cursor_open(txn, s->dbi, &cursor));
	if (err == 0) {
		err = list(cursor, group, first, last, have, bytes);
		mdb_cursor_close(cursor);
	}
	mdb_txn_abort(txn);
	return err;
}
