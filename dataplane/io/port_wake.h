// A port's part in idle.h: whether a frame can wake who sleeps. Not for others.
#pragma once

#include "dataplane/io/port.h"

// The driver has interrupts per receive queue that we may use.
bool port_wake_is_told(const char *driver, bool is_vdev);
// Once it is started: fills rx_fds, -1 for queues that wake nobody.
void port_wake_find(struct port *);
