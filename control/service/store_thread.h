// The store's thread: it waits for the disk so that control does not. Jobs go in and come out again
// through one bounded queue; gets go before puts, and puts that wait together are one transaction.
#pragma once

#include "control/service/object_store.h"

struct store_thread;

enum store_op {
	STORE_GET,
	STORE_PUT,
	STORE_REMOVE, // from object.index to last; puts before it are done before, later ones later
};

struct store_job {
	struct store_job *next;
	enum store_op op;
	uint32_t user; // the caller's, as request
	uint64_t request;
	int err;                     // 0, or as object_store_get, _put and _remove_range
	uint64_t last;               // STORE_REMOVE
	struct stored_object object; // octets lie behind
	uint8_t octets[];
};

#define STORE_BYTES_MAX (64u << 20) // of jobs that wait or have not been taken back

// Takes the store over. NULL: errno.
struct store_thread *store_thread_create(struct object_store *);
// Ends what was begun: puts that wait are written.
void store_thread_destroy(struct store_thread *);
int store_thread_fd(const struct store_thread *); // readable: something is done

// What is to be got, put or removed: object.group and .index, for a put the rest, too; request: of
// STORE_REMOVE the last index. 0; -ENOBUFS: too much
// waits; -ENOMEM.
int store_thread_submit(struct store_thread *, enum store_op, const struct stored_object *,
			uint32_t user, uint64_t request);
struct store_job *
store_thread_poll(struct store_thread *); // NULL: nothing is done. Frees: the caller
