// What annulusctl shows. Names of fields are a contract (README.md); a new one may come at the end.
#pragma once

#include "control/admin/json_out.h"

struct daemon;

int show_register(struct daemon *); // 0 or -errno

// admin_fn each: ctx is the daemon.
int show_status(void *ctx, const char *args, struct json_out *);
int show_peers(void *ctx, const char *args, struct json_out *);
int show_groups(void *ctx, const char *args, struct json_out *);
int show_group(void *ctx, const char *args, struct json_out *);
int show_ring(void *ctx, const char *args, struct json_out *);
int show_streams(void *ctx, const char *args, struct json_out *);
int show_metrics(void *ctx, const char *args, struct json_out *);
int show_store(void *ctx, const char *args, struct json_out *);
int show_live(void *ctx, const char *args, struct json_out *);
int show_links(void *ctx, const char *args, struct json_out *);
int show_limit(void *ctx, const char *args, struct json_out *);
int show_drops(void *ctx, const char *args, struct json_out *);
