#include "tests/sim/world_stream.h"

#include <assert.h>
#include <stdlib.h>

#include "dataplane/wire/cursor.h"

#define SOUND          8
#define PICTURE        9
#define KEY            0x17
#define MESSAGE_HEAD   (2 + 8 + 8) // as of AAC, so that nobody waits for a key frame; number, time
#define WRITE_RETRY_US 5000        // when control has no body free

// Type and first octet, as of AAC and AVC.
static uint8_t message_type(const struct world_publish *p, uint64_t number, uint8_t *first)
{
	*first = 0xaf;
	if (p->key_every == 0 || number % 2 != 0)
		return SOUND;
	*first = number % p->key_every == 0 ? KEY : 0x27;
	return PICTURE;
}

static void write_message(struct world_member *m, uint64_t now_us)
{
	const struct world_publish *p = &m->publish;
	uint8_t first, type = message_type(p, m->n_written, &first);
	bool is_large = type == PICTURE && first == KEY && p->key_bytes > 0;
	uint32_t len = is_large ? p->key_bytes : p->message_bytes;
	uint8_t *data = calloc(1, len);
	int err;

	assert(data != NULL && p->message_bytes >= MESSAGE_HEAD);
	data[0] = first;
	data[1] = 0x01;
	be64_put(data + 2, m->n_written);
	be64_put(data + 10, now_us);
	err = node_stream_write(m->published, type, (uint32_t)(now_us / 1000), data, len, true,
				now_us);
	free(data);
	if (err == -EAGAIN) {
		m->write_us = now_us + WRITE_RETRY_US;
		return;
	}
	assert(err == 0);
	m->n_written++;
	m->write_us += m->publish.every_us;
	if (m->n_written == m->publish.n_messages) {
		m->write_us = UINT64_MAX;
		node_stream_end(m->published, now_us);
	}
}

void world_write_from(struct world_member *m, const struct world_publish *p, uint64_t first,
		      uint64_t now_us)
{
	m->publish = *p;
	m->n_written = first;
	m->write_us = first < p->n_messages ? now_us : UINT64_MAX;
}

bool world_write_due(struct world_member *m, uint64_t now_us)
{
	bool is_due = false;

	while (m->write_us <= now_us) {
		write_message(m, now_us);
		is_due = true;
	}
	return is_due;
}

void world_take_message(struct world_member *m, const struct node_event *e, uint64_t now_us)
{
	struct world_play *p = &m->play;
	uint64_t number, late_us;

	assert((e->type == SOUND || e->type == PICTURE) && e->len >= MESSAGE_HEAD);
	number = be64_get(e->data + 2);
	late_us = now_us - be64_get(e->data + 10);
	p->len_max = e->len > p->len_max ? e->len : p->len_max;
	if (p->n_messages == 0)
		p->first = p->next = number;
	p->n_duplicates += number < p->next;
	p->n_gaps += number > p->next;
	p->next = number + 1;
	p->n_messages++;
	p->late_us += late_us;
	if (late_us > p->late_max)
		p->late_max = late_us;
}
