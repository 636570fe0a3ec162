// Options, Markers and option lists (rtmfp.md §1.2, RFC 7016 §2.1.3).
//
//   option := length:VLU [ type:VLU value ]      length counts type and value; 0 is a Marker
//
// One iterator serves both uses. A *bare sequence* (certificate, endpoint discriminator, keying
// component) runs to the end of its field, and a Marker in it has a meaning of its own:
//
//	while ((kind = opt_next(&r, &type, &value)) != OPT_END)
//
// A *list* (user data, group messages) ends at its Marker:
//
//	while (opt_next(&r, &type, &value) == OPT_FOUND)
//
// Either way r.err is asked once, after the loop.
#ifndef ANNULUS_WIRE_OPTION_H
#define ANNULUS_WIRE_OPTION_H

#include "dataplane/wire/cursor.h"

enum opt_kind {
	OPT_END = 0, // nothing left, or the sticky error
	OPT_FOUND,   // type and value are set; the value may be empty
	OPT_MARKER,  // type and value are zero
};

static inline enum opt_kind opt_next(struct rd *r, uint64_t *type, struct span *value)
{
	struct rd option;
	uint64_t len;

	*type = 0;
	*value = span_of(NULL, 0);
	if (r->left == 0)
		return OPT_END;
	len = rd_vlu(r);
	if (r->err == 0 && len == 0)
		return OPT_MARKER;
	option = rd_over_span(rd_bytes(r, len));
	if (r->err != 0)
		return OPT_END;
	*type = rd_vlu(&option);
	*value = rd_rest(&option);
	if (option.err != 0) { // the type does not fit into its own option (requirement 4)
		rd_fail(r);
		return OPT_END;
	}
	return OPT_FOUND;
}

// Takes a list off the cursor: the options without their Marker, which must be there (User Data).
struct span rd_options(struct rd *r);

// The same, but the end of the field may stand for the Marker (group messages, groups.md §1).
struct span rd_options_or_end(struct rd *r);

// The first option of that type before any Marker. 0, -ENOENT, or -EBADMSG if the options up to
// there do not parse.
int opt_find(struct span options, uint64_t type, struct span *value);

// A value that is one VLU; what may follow it is not ours to judge. 0 or -EBADMSG.
static inline int opt_value_vlu(uint64_t *out, struct span value)
{
	struct rd r = rd_over_span(value);

	*out = rd_vlu(&r);
	return r.err;
}

void wr_option(struct wr *w, uint64_t type, struct span value);
void wr_option_vlu(struct wr *w, uint64_t type, uint64_t value);

// An option without a value: its presence is what it says.
static inline void wr_option_flag(struct wr *w, uint64_t type)
{
	wr_option(w, type, span_of(NULL, 0));
}

static inline void wr_marker(struct wr *w)
{
	wr_u8(w, 0);
}

#endif
