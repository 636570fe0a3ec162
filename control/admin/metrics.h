// annulusctl metrics: a reply as Prometheus reads it (text exposition format 0.0.4), for the
// textfile collector of its node_exporter. Knows no single metric: the daemon names them, their
// kind and their labels.
//
//   [{"name": ..., "type": "counter" or "gauge", "help": ..., "label_names": [...],
//     "samples": [{"labels": [...], "value": ...}, ...]}, ...]
#ifndef ANNULUS_CONTROL_ADMIN_METRICS_H
#define ANNULUS_CONTROL_ADMIN_METRICS_H

#include <stddef.h>
#include <stdio.h>

// As table_print_reply. What is no such list is -EPROTO, and nothing of it is written.
int metrics_print_reply(FILE *out, FILE *errors, const char *reply, size_t len);

#endif
