// Two ends of a handshake as key jobs, for tests of what runs them.
#pragma once

#include "control/startup/key_job.h"
#include "tests/support/test.h"

static inline struct key_job *half_blank(enum key_job_kind kind,
					 const struct identity_endpoint *near,
					 const struct identity_endpoint *far)
{
	struct key_job *j = calloc(1, sizeof(*j));

	assert_non_null(j);
	j->kind = kind;
	j->near = near;
	j->policy = &keying_policy_default;
	assert_int_equal(key_job_far_set(j, span_of(far->certificate, far->certificate_len),
					 (struct span){0}),
			 0);
	return j;
}

// The next half, given the one before it: its component is what the far end received.
static inline struct key_job *half_after(enum key_job_kind kind,
					 const struct identity_endpoint *near,
					 const struct identity_endpoint *far,
					 const struct key_job *before)
{
	struct key_job *j = half_blank(kind, near, far);

	assert_int_equal(
		key_job_far_set(j, span_of(far->certificate, far->certificate_len),
				span_of(before->keying.component, before->keying.component_len)),
		0);
	return j;
}

static inline void assert_secrets_meet(const struct session_secrets *a,
				       const struct session_secrets *b)
{
	assert_memory_equal(a->encrypt_key, b->decrypt_key, SHA256_LEN);
	assert_memory_equal(a->decrypt_key, b->encrypt_key, SHA256_LEN);
	assert_memory_equal(a->hmac_send_key, b->hmac_recv_key, SHA256_LEN);
	assert_memory_equal(a->hmac_recv_key, b->hmac_send_key, SHA256_LEN);
	assert_memory_equal(a->near_nonce, b->far_nonce, SHA256_LEN);
	assert_memory_equal(a->far_nonce, b->near_nonce, SHA256_LEN);
}
