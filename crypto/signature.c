#include <errno.h>
#include <string.h>

#include "crypto/signature.h"
#include "dataplane/wire/option.h"

static const struct signature_password *
password_of(struct span id, const struct signature_password *known, unsigned n_known)
{
	for (unsigned i = 0; i < n_known; i++)
		if (span_equal(known[i].id, id))
			return &known[i];
	return NULL;
}

static void password_hmac(uint8_t out[SHA256_LEN], const struct signature_password *p,
			  struct span signed_parameters)
{
	hmac_sha256(p->password.data, p->password.len, signed_parameters.data,
		    signed_parameters.len, out);
}

// One Simple Password option: hmac:32, passwordID:rest.
static enum signature_verdict password_verify(struct span value, struct span signed_parameters,
					      const struct signature_password *known,
					      unsigned n_known)
{
	struct rd r = rd_over_span(value);
	struct span hmac = rd_bytes(&r, SHA256_LEN), id = rd_rest(&r);
	const struct signature_password *p = r.err == 0 ? password_of(id, known, n_known) : NULL;
	uint8_t want[SHA256_LEN];

	if (p == NULL)
		return SIGNATURE_ABSENT;
	password_hmac(want, p, signed_parameters);
	return octets_equal(want, hmac.data, SHA256_LEN) ? SIGNATURE_GOOD : SIGNATURE_BAD;
}

enum signature_verdict signature_verify(struct span field, struct span signed_parameters,
					const struct signature_password *known, unsigned n_known)
{
	enum signature_verdict verdict = SIGNATURE_ABSENT;
	struct rd r = rd_over_span(field);
	enum opt_kind kind;
	struct span value;
	uint64_t type;

	while ((kind = opt_next(&r, &type, &value)) != OPT_END) {
		enum signature_verdict one;

		if (kind != OPT_FOUND || type != SIGNATURE_SIMPLE_PASSWORD)
			continue;
		one = password_verify(value, signed_parameters, known, n_known);
		if (one > verdict) // one wrong HMAC outweighs every good one
			verdict = one;
	}
	return r.err != 0 ? SIGNATURE_ABSENT : verdict;
}

int signature_sign(uint8_t *out, size_t cap, struct span signed_parameters,
		   const struct signature_password *p)
{
	struct wr w = wr_over(out, cap);
	uint8_t hmac[SHA256_LEN];

	password_hmac(hmac, p, signed_parameters);
	wr_vlu(&w, 1 + SHA256_LEN + (uint64_t)p->id.len);
	wr_vlu(&w, SIGNATURE_SIMPLE_PASSWORD);
	wr_bytes(&w, hmac, SHA256_LEN);
	wr_put_span(&w, p->id);
	return w.err != 0 ? w.err : (int)w.len;
}
