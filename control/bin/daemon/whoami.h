// The appliance's identity: read from its file, or new. A new one is written only when everything
// else has succeeded, so that a start that fails leaves nothing behind.
#pragma once

#include <stdbool.h>

#include "control/bin/daemon/backend.h"
#include "crypto/identity.h"

struct log;

// 0 or -errno and why. *is_new: whoami_save is still to be called. Warnings go to the log.
int whoami_load(struct identity *, const char *path, const struct random *, bool *is_new,
		struct log *, char why[WHY_MAX]);
// Makes the directory that holds it, too, but none above.
int whoami_save(const struct identity *, const char *path, char why[WHY_MAX]);

void peer_id_format(const uint8_t fingerprint[FINGERPRINT_LEN], char out[2 * FINGERPRINT_LEN + 1]);
