// The jobs at the keyer: how many at most, and whose a finished one is.
#include "control/startup/internal.h"

struct key_job *job_take(struct startup *st, enum key_job_kind kind, const struct seat *seat,
			 uint64_t now_us)
{
	struct key_job *job = key_list_take(&st->jobs_free);
	const struct near_end *near = near_end_at(st, seat->ctl.endpoint);

	if (job == NULL)
		return NULL;
	// The rest was wiped by whoever had it before, or will be written before it is read.
	job->result = 0;
	job->lacks = KEYING_LACKS_NOTHING;
	job->far_cert_len = job->far_component_len = 0;
	job->kind = kind;
	job->near = near->opts.identity;
	job->policy = near->policy;
	job->worker = seat->ctl.worker;
	job->session_idx = seat->ctl.idx;
	job->session_id = seat->ctl.id;
	job->submitted_us = now_us;
	return job;
}

void job_give(struct startup *st, struct key_job *job)
{
	key_job_wipe(job);
	key_list_put_first(&st->jobs_free, job);
}

bool job_submit(struct startup *st, struct key_job *job)
{
	if (st->keyer->submit(st->keyer, job))
		return true;
	job_give(st, job);
	return false;
}

bool refusal_count(struct startup *st, const struct key_job *job)
{
	switch (job->lacks) {
	case KEYING_LACKS_GROUP:
		st->counters.refused_group++;
		return true;
	case KEYING_LACKS_HMAC:
		st->counters.refused_hmac++;
		return true;
	case KEYING_LACKS_SSEQ:
		st->counters.refused_sseq++;
		return true;
	case KEYING_LACKS_NOTHING:
		break;
	}
	return false;
}

void jobs_poll(struct startup *st, uint64_t now_us)
{
	struct key_job *job;

	while ((job = st->keyer->poll(st->keyer)) != NULL) {
		// The session may have been given up meanwhile; its slot may even serve another.
		struct seat *seat = directory_find(st->directory, job->worker, job->session_idx,
						   job->session_id);

		if (seat != NULL && job->kind == KEY_RESPOND)
			responder_job_done(st, seat, job, now_us);
		else if (seat != NULL)
			initiator_job_done(st, seat, job, now_us);
		job_give(st, job);
	}
}
