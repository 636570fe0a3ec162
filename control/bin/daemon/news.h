// What happens in the node, for the log.
#pragma once

#include <stdint.h>

struct daemon;

// Takes every event that waits.
void news_take(struct daemon *, uint64_t now_us);
