#include "control/bin/daemon/whoami.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "control/admin/log.h"

static int refuse(const char *path, const char *note, int err, char why[WHY_MAX])
{
	if (note[0] != '\0')
		snprintf(why, WHY_MAX, "identity: %.*s", WHY_MAX - 16, note);
	else
		snprintf(why, WHY_MAX, "identity %.*s: %s", WHY_MAX - 64, path, strerror(-err));
	return err;
}

int whoami_load(struct identity *id, const char *path, const struct random *rng, bool *is_new,
		struct log *log, char why[WHY_MAX])
{
	struct identity_note note = {.text = ""};
	int err = identity_load(id, path, &note);

	*is_new = err == -ENOENT;
	if (*is_new) {
		err = identity_generate(id, IDENTITY_APPLIANCE, rng);
		note.text[0] = '\0';
	}
	if (err < 0)
		return refuse(path, note.text, err, why);
	if (id->kind != IDENTITY_APPLIANCE) {
		snprintf(why, WHY_MAX, "identity %.*s: it is a peer's, not an appliance's",
			 WHY_MAX - 64, path);
		identity_wipe(id);
		return -EINVAL;
	}
	if (note.text[0] != '\0')
		log_warning(log, "%s", note.text);
	return 0;
}

// The directory that is to hold it, ours alone. What that is in has to be there: a path with a slip
// in it makes no tree.
static bool make_place(const char *path)
{
	const char *slash = strrchr(path, '/');
	char dir[4096];

	if (slash == NULL || slash == path || (size_t)(slash - path) >= sizeof(dir))
		return false;
	memcpy(dir, path, (size_t)(slash - path));
	dir[slash - path] = '\0';
	return mkdir(dir, 0700) == 0;
}

int whoami_save(const struct identity *id, const char *path, char why[WHY_MAX])
{
	struct identity_note note = {.text = ""};
	int err = identity_save(id, path, &note);

	if (err == -ENOENT && make_place(path)) {
		note.text[0] = '\0';
		err = identity_save(id, path, &note);
	}
	return err < 0 ? refuse(path, note.text, err, why) : 0;
}

void peer_id_format(const uint8_t fingerprint[FINGERPRINT_LEN], char out[2 * FINGERPRINT_LEN + 1])
{
	for (unsigned i = 0; i < FINGERPRINT_LEN; i++)
		snprintf(out + 2 * i, 3, "%02x", fingerprint[i]);
}
