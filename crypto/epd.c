#include <errno.h>
#include <string.h>

#include "crypto/epd.h"
#include "dataplane/wire/option.h"

static bool is_set(struct span s)
{
	return s.data != NULL;
}

// The place for an option of that type, NULL if we do not know it.
static struct span *field_of(struct epd *epd, uint64_t type)
{
	switch (type) {
	case EPD_HOSTNAME:
		return &epd->hostname;
	case EPD_ANCILLARY:
		return &epd->ancillary;
	case EPD_FINGERPRINT:
		return &epd->fingerprint;
	default:
		return NULL;
	}
}

int epd_read(struct epd *epd, struct span octets)
{
	struct rd r = rd_over_span(octets);
	enum opt_kind kind;
	struct span value, *field;
	uint64_t type;

	memset(epd, 0, sizeof(*epd));
	while ((kind = opt_next(&r, &type, &value)) != OPT_END) {
		field = kind == OPT_FOUND ? field_of(epd, type) : NULL;
		if (field == NULL)
			continue;
		if (is_set(*field))
			return -EBADMSG;
		*field = value;
	}
	if (is_set(epd->fingerprint) && epd->fingerprint.len != FINGERPRINT_LEN)
		return -EBADMSG;
	return r.err;
}

bool epd_selects(const struct epd *epd, const struct certificate *c)
{
	if (is_set(epd->fingerprint))
		return memcmp(epd->fingerprint.data, c->fingerprint, FINGERPRINT_LEN) == 0;
	if (is_set(epd->hostname) &&
	    (!is_set(c->hostname) || !span_equal(epd->hostname, c->hostname)))
		return false;
	if (is_set(epd->ancillary))
		return c->accepts_ancillary;
	return is_set(epd->hostname);
}

void epd_canonical(uint8_t out[EPD_CANONICAL_LEN], const uint8_t fingerprint[FINGERPRINT_LEN])
{
	out[0] = 1 + FINGERPRINT_LEN;
	out[1] = EPD_FINGERPRINT;
	memcpy(out + 2, fingerprint, FINGERPRINT_LEN);
}

int epd_build_ancillary(uint8_t *out, size_t cap, struct span uri)
{
	struct wr w = wr_over(out, cap);

	wr_option(&w, EPD_ANCILLARY, uri);
	return w.err != 0 ? w.err : (int)w.len;
}
