// The operator's file, checked and typed. One table (config/schema.c) has a row per key; the
// checks, the fields below, the help and the file that `annulusd --defaults` prints all follow from
// it.
//
// A configuration is read once and is const from then on: every thread may read it without a lock,
// and a pointer into it stays good until config_destroy().
//
// Units are in the names: _us microseconds, _bytes octets, _bits bits per second. A rate of
// CONFIG_UNLIMITED is what the file calls `unlimited`.
#ifndef ANNULUS_CONFIG_CONFIG_H
#define ANNULUS_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "config/address.h"

#define CONFIG_UNLIMITED     UINT64_MAX
#define CONFIG_FILE_BYTES    (1u << 20) // of the file itself: a typo in --config must not read a disk
#define CONFIG_GROUPSPEC_MAX 4096u      // octets of a groupspec's text, also when it is in a file

// The order of each enum is the order of the words in its row of the table.
enum config_backend { CONFIG_BACKEND_DPDK, CONFIG_BACKEND_UDP };
enum config_switch { CONFIG_AUTO, CONFIG_ON, CONFIG_OFF };
enum config_idle { CONFIG_IDLE_SLEEP, CONFIG_IDLE_ADAPTIVE, CONFIG_IDLE_SPIN };
enum config_preset { CONFIG_PRESET_DEFAULT, CONFIG_PRESET_LOW, CONFIG_PRESET_ULTRA_LOW };
enum config_feature { CONFIG_FEATURE_OFF, CONFIG_FEATURE_PREFER, CONFIG_FEATURE_REQUIRE };
enum config_log_level {
	CONFIG_LOG_ERROR,
	CONFIG_LOG_WARNING,
	CONFIG_LOG_NOTICE,
	CONFIG_LOG_INFO,
	CONFIG_LOG_DEBUG,
};
enum config_dh { CONFIG_DH_2, CONFIG_DH_5, CONFIG_DH_14, CONFIG_DH_16 }; // weakest first

// Some of a row's words, in the order of the file.
#define CONFIG_ORDER_MAX 4
struct config_order {
	unsigned n;
	unsigned words[CONFIG_ORDER_MAX];
};

// One of the two local certificates with its UDP port (server: introducer and NetConnection
// server; member: the group member).
struct config_endpoint {
	struct config_addr address; // to listen on; all zero: every address we have
	uint64_t port;
	struct config_addr *public_addresses; // to advertise, port filled in; may be empty
	uint32_t n_public_addresses;
};

// A DPDK port (backend dpdk only).
struct config_port {
	const char *name;              // for people: logs, tables, counters; unique
	const char *device;            // PCI address, or a virtual device with its arguments
	struct config_addr *addresses; // with prefix_len; at least one
	struct config_addr *gateways;  // at most one of each family
	uint32_t n_addresses, n_gateways;
	bool router_advertisements; // a default router of IPv6 may say so itself
	bool port_unreachable;      // is said of other UDP ports
	uint64_t vlan;              // 0: none
	uint64_t mtu;
	uint64_t queues; // receive queues, at most workers.count; 0: as many
	enum config_switch udp_checksum;
};

// What a stream published in this group is fetched and kept with (our own part in it).
struct config_multicast {
	enum config_preset preset;       // what those of the next three are that were not given
	uint64_t window_us;              // kept at most so long, whatever is announced
	uint64_t relay_margin_us;        // kept beyond the window for others
	uint64_t fetch_period_us;        // from hearing of a fragment to asking for it
	uint64_t availability_period_us; // between two announcements of what we have
	uint64_t push_neighbours;        // to push to; 0: every neighbour that asks
};

// Our extension (docs/spx.md) in this group.
struct config_posting {
	uint64_t keep_us;      // held and offered to newcomers
	uint64_t memory_bytes; // for what is held
};

// Objects that are kept and given by the super-peer (control/bin/daemon/mirror.h).
struct config_mirror {
	bool is_enabled;
	uint64_t bytes_max; // of objects
	const char *root;   // hash of object 0, 64 hex digits; "": any
	uint64_t files;     // at most; of numbers 0 and up
	uint64_t idle_us;   // who was not asked for so long goes if another has no room
};

// A group of which the super-peer is a member.
struct config_group {
	const char *name; // for people; unique
	const char *spec; // the groupspec's text; never NULL after loading
	const char *file; // where it came from, NULL if it stood in the configuration
	uint8_t id[32];   // as the groupspec hook gave it; all zero without a hook
	uint64_t members;
	uint64_t neighbours;
	uint64_t streams;
	uint64_t bandwidth_bits; // sent to this group, all streams and neighbours together
	// Peer IDs whose streams are taken if the groupspec has a publish password.
	const char **publishers;
	uint32_t n_publishers;
	struct config_multicast multicast;
	struct config_posting posting;
	struct config_mirror mirror;
	uint64_t multicast_ttl; // streams are sent by IP multicast, too; 0: not
	bool is_lan;            // members are met by IP multicast, too
	bool is_nearest;        // of directed routing: takes part in it with a range of its own
};

// An application that clients connect to, and who may. Empty lists say nothing.
struct config_app {
	const char *name;                                     // unique
	struct config_addr *allow_addresses, *deny_addresses; // with prefix_len
	const char **allow_peers, **deny_peers;               // 64 hex digits each
	const char **pages, **players;                        // hosts, or *.host
	const char **keys;
	uint32_t n_allow_addresses, n_deny_addresses, n_allow_peers, n_deny_peers;
	uint32_t n_pages, n_players, n_keys;
};

// EAL is DPDK's run-time layer.
struct config_eal {
	uint64_t memory_bytes;
	enum config_switch hugepages;
	const char **args; // passed to EAL unread
	uint32_t n_args;
};

struct config_workers {
	uint64_t count;
	const char *cores; // "1-3,5": one each; "" lets the kernel place the workers
	enum config_idle idle;
	uint64_t spin_max_us;  // adaptive: polled on at most, before a sleep
	uint64_t sleep_min_us; // after the first empty poll; doubles
	uint64_t sleep_max_us; // up to this
};

// Whatever others can make grow. What is "per worker" is taken at start.
struct config_limits {
	uint64_t sessions;                     // open at a time, per worker
	uint64_t sessions_per_address;         // open at a time, per far IP address
	uint64_t handshakes_per_s;             // keyings answered, all together
	uint64_t handshakes_per_address_per_s; // per far IP address
	uint64_t handshake_burst_per_address;  // at once, before the rate counts
	uint64_t handshakes_pending;           // keyings that wait for the keyer
	uint64_t introductions_per_s;          // hellos for somebody else, all together
	uint64_t packet;                       // octets of IP packet: path MTU discovery
	uint64_t flows_per_session;            // receiving; the same again sending
	uint64_t message_bytes;                // one reassembled message
	uint64_t reassembly_bytes;             // per session, beyond 256 KiB of each flow
	uint64_t window_memory_bytes;          // all stream windows of a worker
	uint64_t groups;                       // own and introduced ones
	uint64_t members_per_group;
	uint64_t neighbours_per_group;
	uint64_t streams_per_group;
	uint64_t live_streams; // client-server: names published or waited for, in all
	uint64_t live_streams_per_app;
	uint64_t live_players;             // of one of them
	uint64_t live_queue_bytes;         // out to one player
	uint64_t live_backlog_bytes;       // kept of one of them
	uint64_t bandwidth_bits;           // sent, everything together
	uint64_t neighbour_bandwidth_bits; // sent in one session
};

struct config_security {
	struct config_order dh_groups; // enum config_dh
	enum config_dh dh_group_min;   // those listed below it do not count
	enum config_feature hmac;
	uint64_t hmac_length; // octets that we send
	enum config_feature sequence_numbers;
};

struct config_keepalive {
	uint64_t behind_nat_us;
	uint64_t public_us;
};

struct config_log {
	enum config_log_level level;
	const char *target; // "stderr" or a path
};

struct config {
	const char *identity_file;
	enum config_backend backend;
	struct config_endpoint server;
	struct config_endpoint member;
	struct config_port *ports;
	uint32_t n_ports;
	struct config_eal eal;
	struct config_workers workers;
	struct config_limits limits;
	struct config_security security;
	bool introduce_unlisted;
	bool extension; // ours is spoken (docs/spx.md)
	struct config_group *groups;
	uint32_t n_groups;
	struct config_app *apps; // none listed: any
	uint32_t n_apps;
	struct config_keepalive keepalive;
	const char *objects_directory; // of mirrored groups
	uint64_t objects_memory_bytes; // of their objects, in all workers
	const char *admin_socket;      // path of the unix socket that annulusctl talks to
	struct config_log log;
};

// What the configuration cannot judge itself: the group room knows groupspecs, this one does not.
struct config_hooks {
	// Returns 0 and the group's 32-octet id, or -errno and a half sentence in `why`
	// ("odd number of hex digits"). NULL: groupspecs are not looked into.
	int (*groupspec_check)(void *ctx, const char *spec, size_t len, uint8_t id[32], char *why,
			       size_t why_size);
	void *ctx;
	// NULL: members of that group can meet by IP multicast; else why not. May be NULL itself.
	const char *(*groupspec_lan)(void *ctx, const char *spec);
};

// Reads and checks `path`. All errors go to `errors`, sorted by place, each with
// file:line:column, the line and a caret. Relative paths inside the file are taken from the
// directory of the file. Creates nothing. `hooks` may be NULL.
// Returns 0 and *out (owned by the caller, config_destroy), or
//   -EINVAL if something in the file is wrong, -ENOMEM, or why the file could not be read; then
//   *out is NULL and `errors` says why.
int config_load(const char *path, const struct config_hooks *hooks, FILE *errors,
		const struct config **out);

// The same for a text in memory; `name` stands for the file in messages and its directory is the
// one that relative paths start from.
int config_load_text(const char *name, const char *text, size_t len,
		     const struct config_hooks *hooks, FILE *errors, const struct config **out);

void config_destroy(const struct config *cfg); // NULL is fine

// Writes a complete file with every key, its default, its unit and a sentence. config_load()
// accepts it as it is. Returns 0, or -EIO if the stream failed.
int config_defaults_print(FILE *out);

#endif
