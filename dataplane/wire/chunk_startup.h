// Chunks that open sessions, and packet fragments (rtmfp.md §4.1 to 4.8). Include chunk.h.
#ifndef ANNULUS_WIRE_CHUNK_STARTUP_H
#define ANNULUS_WIRE_CHUNK_STARTUP_H

#include "dataplane/wire/address.h"
#include "dataplane/wire/chunk.h"

// §4.1
struct packet_fragment {
	bool has_more;
	uint64_t packet_id;
	uint64_t index;   // from 0, consecutive
	struct span body; // never empty
};

int packet_fragment_read(struct packet_fragment *f, struct span payload);
int packet_fragment_write(struct wr *w, const struct packet_fragment *f);

// §4.2
struct ihello {
	struct span epd;
	struct span tag;
};

int ihello_read(struct ihello *h, struct span payload);
int ihello_write(struct wr *w, const struct ihello *h);

// §4.3: an introducer passes an IHello on.
struct fihello {
	struct span epd;
	struct wire_addr reply_addr; // where the forwarder saw the initiator
	struct span tag;
};

int fihello_read(struct fihello *h, struct span payload);
int fihello_write(struct wr *w, const struct fihello *h);

// §4.4
struct rhello {
	struct span tag_echo;
	struct span cookie;
	struct span cert;
};

int rhello_read(struct rhello *h, struct span payload);
int rhello_write(struct wr *w, const struct rhello *h);

// §4.5. No address at all: the Implied Redirect, "try the source of this packet".
struct redirect {
	struct span tag_echo;
	uint8_t n_addrs;
	struct wire_addr addrs[REDIRECT_ADDRS_MAX]; // of a longer list the first ones
};

int redirect_read(struct redirect *d, struct span payload);
int redirect_write(struct wr *w, const struct redirect *d);

// §4.6
struct cookie_change {
	struct span old_cookie;
	struct span new_cookie;
};

int cookie_change_read(struct cookie_change *c, struct span payload);
int cookie_change_write(struct wr *w, const struct cookie_change *c);

// §4.7
struct iikeying {
	uint32_t initiator_session_id;
	struct span cookie_echo;
	struct span cert;
	struct span skic;
	struct span signature;
	struct span signed_part; // set by the reader: the payload up to the signature
};

int iikeying_read(struct iikeying *k, struct span payload);
int iikeying_write(struct wr *w, const struct iikeying *k);

// The signed part alone, for whoever makes the signature.
void iikeying_write_signed(struct wr *w, const struct iikeying *k);

// §4.8
struct rikeying {
	uint32_t responder_session_id;
	struct span skrc;
	struct span signature;
	struct span signed_part; // set by the reader; the signature covers this and then the SKIC
};

int rikeying_read(struct rikeying *k, struct span payload);
int rikeying_write(struct wr *w, const struct rikeying *k);
void rikeying_write_signed(struct wr *w, const struct rikeying *k);

#endif
