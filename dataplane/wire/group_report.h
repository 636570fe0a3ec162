// 0A on GR-1C: what a member knows of others (groups.md §4.2, our flags §10.1).
#ifndef ANNULUS_WIRE_GROUP_REPORT_H
#define ANNULUS_WIRE_GROUP_REPORT_H

#include "dataplane/wire/address.h"
#include "dataplane/wire/option.h"

// Unusable addresses (wire_addr_is_usable) are left out by the reader, and of longer lists the
// first GROUP_REPORT_ADDRS_MAX are kept.
struct group_addrs {
	uint8_t n;
	struct wire_addr addrs[GROUP_REPORT_ADDRS_MAX];
};

// The sender on itself.
struct group_report_self {
	bool is_super_peer;             // flag 6d
	bool is_spx;                    // flag 6e: speaks our extension
	struct wire_addr receiver_addr; // the receiver as its sender sees it; family 0: not given
	struct group_addrs own;         // the sender's server (ADDR_RELAY) first
};

struct group_report_record {
	uint8_t peer_id[PEER_ID_LEN];
	uint64_t age_s;           // since somebody last heard of this member
	struct group_addrs addrs; // its server first
};

// A record whose addresses were not looked at yet: most reports tell again what is known.
struct group_report_told {
	uint8_t peer_id[PEER_ID_LEN];
	uint64_t age_s;
	struct span options; // well-formed, the Marker left out
};

// Walks over the records; they are parsed one by one.
struct group_report_iter {
	struct rd r;
	uint16_t n_records; // given out so far
};

// Reads the part on the sender and leaves the iterator at the first record. -EBADMSG also for
// messages over GROUP_REPORT_MAX.
int group_report_read(struct group_report_self *self, struct group_report_iter *it,
		      struct span msg);

// False at the end: of the message, after GROUP_REPORT_RECORDS_MAX, or at the first malformed
// record (it->r.err; the records before it stay good). Records that name nobody by fingerprint
// are skipped.
bool group_report_next(struct group_report_iter *it, struct group_report_record *record);
// The same in two steps.
bool group_report_next_told(struct group_report_iter *it, struct group_report_told *told);
void group_report_addrs(struct group_addrs *addrs, struct span options);

// The message grows by one record at a time, so the caller sees how many fit. The self part comes
// first. receiver_addr must be given.
int group_report_write_self(struct wr *w, const struct group_report_self *self);
int group_report_write_record(struct wr *w, const struct group_report_record *record);
// The same in two steps, of which the first need not be done again.
void group_report_write_addrs(struct wr *w, const struct group_addrs *addrs);
int group_report_write_told(struct wr *w, const struct group_report_told *told);

#endif
