#include "perf/raw_dh.h"

void raw_dh_fini(struct raw_dh *d)
{
	BN_free(d->result);
	BN_free(d->exponent);
	BN_free(d->far);
	BN_free(d->generator);
	BN_free(d->prime);
	BN_MONT_CTX_free(d->mont);
	BN_CTX_free(d->ctx);
}

bool raw_dh_init(struct raw_dh *d, const struct dh_key *far)
{
	uint8_t prime[DH_PUBLIC_MAX];

	dh_group_prime(far->group, prime);
	d->ctx = BN_CTX_secure_new();
	d->mont = BN_MONT_CTX_new();
	d->prime = BN_bin2bn(prime, (int)dh_group_len(far->group), NULL);
	d->generator = BN_new();
	d->far = BN_bin2bn(far->public_key, far->public_len, NULL);
	d->exponent = BN_bin2bn(far->exponent, far->exponent_len, NULL);
	d->result = BN_new();
	if (d->ctx == NULL || d->mont == NULL || d->prime == NULL || d->generator == NULL ||
	    d->far == NULL || d->exponent == NULL || d->result == NULL)
		return false;
	BN_set_flags(d->exponent, BN_FLG_CONSTTIME);
	return BN_set_word(d->generator, 2) == 1 && BN_MONT_CTX_set(d->mont, d->prime, d->ctx) == 1;
}

bool raw_dh_handshake(struct raw_dh *d)
{
	return BN_mod_exp_mont_consttime(d->result, d->generator, d->exponent, d->prime, d->ctx,
					 d->mont) == 1 &&
	       BN_mod_exp_mont_consttime(d->result, d->far, d->exponent, d->prime, d->ctx,
					 d->mont) == 1;
}
