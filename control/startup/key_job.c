#include "control/startup/key_job.h"

#include <errno.h>
#include <string.h>

int key_job_far_set(struct key_job *j, struct span certificate, struct span component)
{
	if (certificate.len > sizeof(j->far_cert) || component.len > sizeof(j->far_component))
		return -EBADMSG;
	if (certificate.len > 0)
		memcpy(j->far_cert, certificate.data, certificate.len);
	if (component.len > 0)
		memcpy(j->far_component, component.data, component.len);
	j->far_cert_len = (uint16_t)certificate.len;
	j->far_component_len = (uint16_t)component.len;
	return 0;
}

static struct keying_near near_of(const struct key_job *j, const struct certificate *own)
{
	return (struct keying_near){
		.certificate = own,
		.keys = j->near->keys,
		.n_keys = j->near->n_keys,
		.policy = j->policy,
	};
}

// What was received, read again: the job holds octets only, so that it can be copied and wiped.
static int far_read(const struct key_job *j, struct certificate *far,
		    struct keying_component *component)
{
	int err = certificate_read(far, span_of(j->far_cert, j->far_cert_len));

	if (err != 0 || j->kind == KEY_INITIATE)
		return err;
	return keying_component_read(component, span_of(j->far_component, j->far_component_len));
}

enum dh_group key_job_needs(const struct key_job *j)
{
	struct certificate own = identity_certificate(j->near), far;
	struct keying_near near = near_of(j, &own);
	struct keying_component component;
	int group = DH_GROUP_NONE;

	if (j->kind == KEY_COMPLETE || far_read(j, &far, &component) != 0)
		return DH_GROUP_NONE;
	if (j->kind == KEY_INITIATE)
		group = keying_initiator_needs(&near, &far);
	else
		group = keying_responder_needs(&near, &far, &component);
	return group > 0 ? (enum dh_group)group : DH_GROUP_NONE;
}

static int run(struct key_job *j, const struct dh_key *ready, const struct random *rng)
{
	struct certificate own = identity_certificate(j->near), far;
	struct keying_near near = near_of(j, &own);
	struct keying_component component;
	int err = far_read(j, &far, &component);

	if (err != 0)
		return err;
	if (j->kind == KEY_INITIATE)
		return keying_initiate(&j->keying, &near, &far, ready, rng);
	if (j->kind == KEY_RESPOND)
		err = keying_respond(&j->keying, &near, &far, &component, ready, rng);
	if (err == 0)
		err = keying_complete(&j->keying, &far, &component, &j->secrets);
	return err;
}

static enum keying_lack lack_of(const struct key_job *j)
{
	struct keying_component component;

	if (j->result == -ENOTSUP)
		return KEYING_LACKS_GROUP;
	if (j->result != -EACCES ||
	    keying_component_read(&component, span_of(j->far_component, j->far_component_len)) != 0)
		return KEYING_LACKS_NOTHING;
	return keying_lacks(j->policy, &component.terms);
}

void key_job_run(struct key_job *j, const struct dh_key *ready, const struct random *rng)
{
	j->result = run(j, ready, rng);
	j->lacks = lack_of(j);
}

void key_job_wipe(struct key_job *j)
{
	keying_wipe(&j->keying);
	session_secrets_wipe(&j->secrets);
}
