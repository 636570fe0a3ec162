#include "control/rpc/command.h"

#include <errno.h>

#include "dataplane/wire/rtmp_msg.h"

int rpc_command_read(struct rpc_command *c, uint8_t type, struct span payload)
{
	const struct amf_node *name, *transaction;
	int err;

	if (type != RTMP_COMMAND_AMF0 && type != RTMP_COMMAND_AMF3)
		return -ENOMSG;
	c->is_amf3 = type == RTMP_COMMAND_AMF3;
	if (c->is_amf3) { // a format octet, 0, stands before
		if (payload.len == 0 || payload.data[0] != 0)
			return -EBADMSG;
		payload = (struct span){payload.data + 1, payload.len - 1};
	}
	err = amf0_read(&c->doc, payload);
	if (err != 0)
		return err;
	name = amf_at(&c->doc, 0);
	transaction = amf_at(&c->doc, 1);
	if (name == NULL || name->type != AMF_STRING || name->text.len >= COMMAND_NAME_MAX)
		return -EBADMSG;
	amf_text(name, c->name, sizeof(c->name));
	c->transaction =
		transaction != NULL && transaction->type == AMF_NUMBER ? transaction->number : 0;
	return 0;
}

void rpc_command_begin(struct wr *w, bool is_amf3, const char *name, double transaction)
{
	const struct rtmp_head head = {is_amf3 ? RTMP_COMMAND_AMF3 : RTMP_COMMAND_AMF0, 0};

	rtmp_head_write(w, &head);
	if (is_amf3)
		wr_u8(w, 0);
	amf0_wr_string(w, name);
	amf0_wr_number(w, transaction);
}

void rpc_command_info(struct wr *w, const char *level, const char *code, const char *description)
{
	amf0_wr_object(w);
	amf0_wr_name(w, "level");
	amf0_wr_string(w, level);
	amf0_wr_name(w, "code");
	amf0_wr_string(w, code);
	amf0_wr_name(w, "description");
	amf0_wr_string(w, description);
	amf0_wr_end(w);
}
