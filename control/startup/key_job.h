// All public-key work of one handshake half as a value: inputs, a pure function that keyers run,
// results. Whoever submitted a job owns it again once the keyer's poll has given it out, and wipes
// it then.
#pragma once

#include "crypto/identity.h"
#include "crypto/keying.h"

#define KEY_COMPONENT_FAR_MAX 1024 // octets; what a startup packet could carry at most

enum key_job_kind {
	KEY_RESPOND,  // certificate and SKIC of an IIKeying -> our SKRC and the secrets
	KEY_INITIATE, // certificate of an RHello -> our half, with the SKIC
	KEY_COMPLETE, // our half and the SKRC of an RIKeying -> the secrets
};

struct key_job {
	// Inputs
	enum key_job_kind kind;
	const struct identity_endpoint *near; // borrowed until the job is done, like the policy
	const struct keying_policy *policy;
	uint16_t far_cert_len, far_component_len;
	uint8_t far_cert[CERTIFICATE_LEN_MAX];
	uint8_t far_component[KEY_COMPONENT_FAR_MAX]; // RESPOND: SKIC, COMPLETE: SKRC

	// Input of COMPLETE, result of the others.
	struct keying keying;

	// Results
	int result;             // 0, or -errno of keying.h
	enum keying_lack lacks; // what of our policy the far end does not meet, if that is why
	struct session_secrets secrets; // RESPOND, COMPLETE

	// The submitter's: which session it is for.
	uint32_t worker, session_idx, session_id;
	uint64_t submitted_us;

	struct key_job *next; // whoever holds the job
};

// Octets copied in. -EBADMSG: longer than the job has room for.
int key_job_far_set(struct key_job *, struct span certificate, struct span component);

// The group of the fresh key pair that key_job_run will want, DH_GROUP_NONE if none or unknown.
enum dh_group key_job_needs(const struct key_job *);

// ready: a pair of that group, or NULL: one is made. Sets result. Any thread.
void key_job_run(struct key_job *, const struct dh_key *ready, const struct random *);

void key_job_wipe(struct key_job *);
