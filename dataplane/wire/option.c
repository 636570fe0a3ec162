#include "dataplane/wire/option.h"

// Both kinds of list: walks to the Marker, or to the field's end where that may stand for it.
static struct span take_list(struct rd *r, bool is_marker_required)
{
	const uint8_t *start = r->at;
	size_t left;
	enum opt_kind kind;
	struct span value;
	uint64_t type;

	do {
		left = r->left;
		kind = opt_next(r, &type, &value);
	} while (kind == OPT_FOUND);
	if (kind == OPT_END && is_marker_required)
		rd_fail(r);
	if (r->err != 0)
		return span_of(NULL, 0);
	// r->at stands behind the Marker, `left` was taken before it
	return span_of(start, (size_t)(r->at - start) - (left - r->left));
}

struct span rd_options(struct rd *r)
{
	return take_list(r, true);
}

struct span rd_options_or_end(struct rd *r)
{
	return take_list(r, false);
}

int opt_find(struct span options, uint64_t type, struct span *value)
{
	struct rd r = rd_over_span(options);
	uint64_t found;

	while (opt_next(&r, &found, value) == OPT_FOUND) {
		if (found == type)
			return 0;
	}
	*value = span_of(NULL, 0);
	return r.err != 0 ? r.err : -ENOENT;
}

void wr_option(struct wr *w, uint64_t type, struct span value)
{
	wr_vlu(w, vlu_len(type) + value.len);
	wr_vlu(w, type);
	wr_put_span(w, value);
}

void wr_option_vlu(struct wr *w, uint64_t type, uint64_t value)
{
	wr_vlu(w, (uint64_t)vlu_len(type) + vlu_len(value));
	wr_vlu(w, type);
	wr_vlu(w, value);
}
