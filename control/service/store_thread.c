#include "control/service/store_thread.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define BATCH_MAX 128u // puts in one transaction

struct jobs {
	struct store_job *first, *last;
};

struct store_thread {
	struct object_store *store;
	int wake_fd;
	pthread_t thread;
	pthread_mutex_t lock; // guards what follows
	pthread_cond_t work;
	struct jobs gets, puts, done;
	uint64_t bytes;
	bool is_ending;
};

static void jobs_put(struct jobs *js, struct store_job *j)
{
	j->next = NULL;
	*(js->last != NULL ? &js->last->next : &js->first) = j;
	js->last = j;
}

static struct store_job *jobs_take(struct jobs *js)
{
	struct store_job *j = js->first;

	if (j == NULL)
		return NULL;
	js->first = j->next;
	if (js->first == NULL)
		js->last = NULL;
	return j;
}

static size_t room_of(enum store_op op, const struct stored_object *o)
{
	return op == STORE_GET ? OBJECT_LEN_MAX : o->octets.len;
}

// ---- the thread ----

static void done(struct store_thread *t, struct store_job *j)
{
	uint64_t one = 1;

	jobs_put(&t->done, j);
	if (write(t->wake_fd, &one, sizeof(one)) < 0)
		return; // 2^64 - 1 wake-ups are enough
}

// With the lock, which it gives up while it reads.
static void get(struct store_thread *t)
{
	struct store_job *j = jobs_take(&t->gets);

	pthread_mutex_unlock(&t->lock);
	j->err = object_store_get(t->store, &j->object, j->octets, OBJECT_LEN_MAX);
	pthread_mutex_lock(&t->lock);
	done(t, j);
}

static void put_batch(struct store_thread *t)
{
	struct store_job *jobs[BATCH_MAX];
	struct stored_object objects[BATCH_MAX];
	uint32_t n = 0;
	int err;

	while (n < BATCH_MAX && t->puts.first != NULL && t->puts.first->op == STORE_PUT)
		jobs[n++] = jobs_take(&t->puts);
	pthread_mutex_unlock(&t->lock);
	for (uint32_t i = 0; i < n; i++)
		objects[i] = jobs[i]->object;
	err = object_store_put(t->store, objects, n);
	pthread_mutex_lock(&t->lock);
	for (uint32_t i = 0; i < n; i++) {
		jobs[i]->err = err;
		done(t, jobs[i]);
	}
}

static void remove_range(struct store_thread *t)
{
	struct store_job *j = jobs_take(&t->puts);

	pthread_mutex_unlock(&t->lock);
	j->err = object_store_remove_range(t->store, j->object.group, j->object.index, j->last);
	pthread_mutex_lock(&t->lock);
	done(t, j);
}

static void *thread_main(void *arg)
{
	struct store_thread *t = arg;

	pthread_mutex_lock(&t->lock);
	for (uint32_t n_gets = 0;; n_gets++) {
		// Somebody waits for what is got; but what is put has its turn as well.
		if (t->gets.first != NULL && (t->puts.first == NULL || n_gets % BATCH_MAX != 0))
			get(t);
		else if (t->puts.first != NULL && t->puts.first->op == STORE_REMOVE)
			remove_range(t);
		else if (t->puts.first != NULL)
			put_batch(t);
		else if (t->is_ending)
			break;
		else
			pthread_cond_wait(&t->work, &t->lock);
	}
	pthread_mutex_unlock(&t->lock);
	return NULL;
}

// ---- life ----

struct store_thread *store_thread_create(struct object_store *store)
{
	struct store_thread *t = calloc(1, sizeof(*t));
	int err;

	if (t == NULL)
		return NULL;
	t->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	pthread_mutex_init(&t->lock, NULL);
	pthread_cond_init(&t->work, NULL);
	t->store = store;
	err = t->wake_fd < 0 ? errno : pthread_create(&t->thread, NULL, thread_main, t);
	if (err == 0)
		return t;
	if (t->wake_fd >= 0)
		close(t->wake_fd);
	free(t);
	errno = err;
	return NULL;
}

void store_thread_destroy(struct store_thread *t)
{
	struct store_job *j;

	if (t == NULL)
		return;
	pthread_mutex_lock(&t->lock);
	while ((j = jobs_take(&t->gets)) != NULL)
		free(j);
	t->is_ending = true;
	pthread_cond_signal(&t->work);
	pthread_mutex_unlock(&t->lock);
	pthread_join(t->thread, NULL);
	while ((j = jobs_take(&t->done)) != NULL)
		free(j);
	pthread_cond_destroy(&t->work);
	pthread_mutex_destroy(&t->lock);
	close(t->wake_fd);
	object_store_close(t->store);
	free(t);
}

int store_thread_fd(const struct store_thread *t)
{
	return t->wake_fd;
}

int store_thread_submit(struct store_thread *t, enum store_op op, const struct stored_object *o,
			uint32_t user, uint64_t request)
{
	size_t room = room_of(op, o);
	struct store_job *j;
	bool has_room;

	pthread_mutex_lock(&t->lock);
	has_room = t->bytes + room <= STORE_BYTES_MAX;
	if (has_room)
		t->bytes += room;
	pthread_mutex_unlock(&t->lock);
	if (!has_room)
		return -ENOBUFS;
	j = malloc(sizeof(*j) + room);
	if (j == NULL) {
		pthread_mutex_lock(&t->lock);
		t->bytes -= room;
		pthread_mutex_unlock(&t->lock);
		return -ENOMEM;
	}
	*j = (struct store_job){
		.op = op, .user = user, .request = request, .last = request, .object = *o};
	if (op == STORE_PUT) {
		memcpy(j->octets, o->octets.data, o->octets.len);
		j->object.octets.data = j->octets;
	}
	pthread_mutex_lock(&t->lock);
	jobs_put(op == STORE_GET ? &t->gets : &t->puts, j);
	pthread_cond_signal(&t->work);
	pthread_mutex_unlock(&t->lock);
	return 0;
}

struct store_job *store_thread_poll(struct store_thread *t)
{
	struct store_job *j;
	uint64_t n;

	pthread_mutex_lock(&t->lock);
	j = jobs_take(&t->done);
	if (j != NULL)
		t->bytes -= j->op == STORE_GET ? OBJECT_LEN_MAX : j->object.octets.len;
	// Under the lock, or a job put between the two would lose its wake-up.
	else if (read(t->wake_fd, &n, sizeof(n)) < 0)
		n = 0;
	pthread_mutex_unlock(&t->lock);
	return j;
}
