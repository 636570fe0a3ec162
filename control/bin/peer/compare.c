// annulus-peer compare: the judge of the demo, for anybody.
#include <stdio.h>

#include "control/bin/peer/peer.h"
#include "control/service/flv_compare.h"

static struct flv_file *load(const char *path)
{
	char why[200];
	struct flv_file *f = flv_file_load(path, why, sizeof(why));

	if (f == NULL)
		peer_error("%s: %s", path, why);
	return f;
}

int peer_compare(const struct peer_args *a)
{
	struct flv_expect x = {.from_start = !a->is_late,
			       .joined_ms = a->joined_ms,
			       .late_max_ms = a->late_max_ms,
			       .has_ended = !a->did_not_end,
			       .is_apart = a->is_apart};
	struct flv_file *source = load(a->source), *played = load(a->file);
	struct flv_verdict v = {.passed = false};

	if (source != NULL && played != NULL) {
		flv_compare(source, played, &x, &v);
		if (v.passed)
			printf("passed: %u tags equal from %u ms on\n", v.tags_compared,
			       v.first_key_ms);
		else
			printf("FAILED: %s\n", v.why);
	}
	flv_file_free(source);
	flv_file_free(played);
	if (source == NULL || played == NULL)
		return PEER_USAGE;
	return v.passed ? PEER_OK : PEER_HOLES;
}
