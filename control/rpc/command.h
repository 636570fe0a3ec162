// RTMP commands (types 20 and 17): a name, a transaction number, values.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control/rpc/amf.h"

#define COMMAND_NAME_MAX 64

struct rpc_command {
	char name[COMMAND_NAME_MAX];
	double transaction;
	bool is_amf3;       // came as type 17
	struct amf_doc doc; // its values from the third on are arguments: amf_at(&doc, 2 + i)
};

// type: 20 or 17; payload: behind the 5-octet message header. 0, -EBADMSG, -E2BIG, or -ENOMSG:
// another type.
int rpc_command_read(struct rpc_command *, uint8_t type, struct span payload);

// Writes message header, name and transaction; arguments follow in AMF0.
void rpc_command_begin(struct wr *, bool is_amf3, const char *name, double transaction);
// An information object: level, code, description.
void rpc_command_info(struct wr *, const char *level, const char *code, const char *description);
