#include "dataplane/wire/chunk.h"

enum legal_in {
	LEGAL_NOWHERE = 0,
	LEGAL_STARTUP = 1 << MODE_STARTUP,
	LEGAL_SESSION = 1 << MODE_INITIATOR | 1 << MODE_RESPONDER,
	LEGAL_ANYWHERE = LEGAL_STARTUP | LEGAL_SESSION,
};

struct chunk_kind {
	const char *name;
	enum legal_in legal_in;
};

static const struct chunk_kind kinds[256] = {
	[CHUNK_PADDING_00] = {"Padding", LEGAL_ANYWHERE},
	[CHUNK_PING] = {"Ping", LEGAL_SESSION},
	[CHUNK_CLOSE] = {"Session Close Request", LEGAL_SESSION},
	[CHUNK_FIHELLO] = {"Forwarded IHello", LEGAL_SESSION},
	[CHUNK_USER_DATA] = {"User Data", LEGAL_SESSION},
	[CHUNK_NEXT_USER_DATA] = {"Next User Data", LEGAL_SESSION},
	[CHUNK_BUFFER_PROBE] = {"Buffer Probe", LEGAL_SESSION},
	[CHUNK_IHELLO] = {"IHello", LEGAL_STARTUP},
	[CHUNK_IIKEYING] = {"IIKeying", LEGAL_STARTUP},
	[CHUNK_PING_REPLY] = {"Ping Reply", LEGAL_SESSION},
	[CHUNK_CLOSE_ACK] = {"Session Close Acknowledgement", LEGAL_SESSION},
	[CHUNK_ACK_BITMAP] = {"Bitmap Ack", LEGAL_SESSION},
	[CHUNK_ACK_RANGES] = {"Range Ack", LEGAL_SESSION},
	[CHUNK_FLOW_EXCEPTION] = {"Flow Exception", LEGAL_SESSION},
	[CHUNK_RHELLO] = {"RHello", LEGAL_STARTUP},
	[CHUNK_REDIRECT] = {"Redirect", LEGAL_STARTUP},
	[CHUNK_RIKEYING] = {"RIKeying", LEGAL_STARTUP},
	[CHUNK_COOKIE_CHANGE] = {"RHello Cookie Change", LEGAL_STARTUP},
	[CHUNK_PACKET_FRAGMENT] = {"Packet Fragment", LEGAL_ANYWHERE},
	[CHUNK_PADDING_FF] = {"Padding", LEGAL_ANYWHERE},
};

bool chunk_is_legal(uint8_t type, enum packet_mode mode)
{
	return kinds[type].legal_in >> mode & 1;
}

const char *chunk_name(uint8_t type)
{
	return kinds[type].name != NULL ? kinds[type].name : "unknown";
}
