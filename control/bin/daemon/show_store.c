// annulusctl store: groups whose objects are mirrored, and how far.
#include "control/bin/daemon/daemon.h"
#include "control/bin/daemon/show.h"

static void mirror_row(const struct mirror *m, struct json_out *j)
{
	struct group_info info;

	node_group_info(m->group, &info);
	json_object_begin(j);
	json_put_string(j, "group", m->config->name);
	json_put_string(j, "state", mirror_state_name(m->state));
	if (m->has_tree)
		json_put_hex(j, "root", m->tree.hash, sizeof(m->tree.hash));
	else
		json_put_string(j, "root", NULL);
	json_put_u64(j, "objects", ranges_count(&m->have));
	json_put_u64(j, "wanted", info.n_objects_wanted);
	json_put_u64(j, "bytes", m->bytes);
	json_put_u64(j, "waiting_bytes", m->waiting_bytes);
	json_put_u64(j, "size_bytes", m->config->mirror.bytes_max);
	json_put_u64(j, "given", m->n_given + m->workers.n_given);
	json_put_u64(j, "given_bytes", m->given_bytes + m->workers.given_bytes);
	json_put_u64(j, "denied", m->n_denied);
	json_put_u64(j, "false", m->n_false);
	json_put_u64(j, "over_size", m->n_full);
	json_put_u64(j, "errors", m->n_errors);
	json_put_u64(j, "by_workers", m->workers.n_given);
	json_put_u64(j, "by_workers_bytes", m->workers.given_bytes);
	json_put_u64(j, "not_in_memory", m->workers.n_missed);
	json_put_u64(j, "crowded", m->workers.n_crowded);
	json_put_u64(j, "in_memory", m->workers.n_kept);
	json_put_u64(j, "in_memory_bytes", m->workers.kept_bytes);
	json_put_u64(j, "evicted", m->workers.n_evicted);
	json_put_u64(j, "no_room", m->workers.n_refused);
	json_put_u64(j, "file", m->file);
	json_put_u64(j, "removed", m->n_removed);
	json_object_end(j);
}

// Of several files those that there are; of none the first.
static bool is_shown(const struct mirror *m)
{
	return m->state != MIRROR_OFF && (m->file == 0 || m->state != MIRROR_LOOKING);
}

int show_store(void *ctx, const char *args, struct json_out *j)
{
	const struct daemon *d = ctx;

	json_array_begin(j);
	for (uint32_t i = 0; i < d->mirrors.n; i++)
		if (is_shown(&d->mirrors.all[i]))
			mirror_row(&d->mirrors.all[i], j);
	json_array_end(j);
	return 0;
}
