#include "config/schema.h"

#include <string.h>

#include "config/config.h"

// A field's place, which does not compile unless the field has the type that the row stores.
#define AT(s, field, type)                                                                         \
	(offsetof(struct s, field) +                                                               \
	 0 * sizeof(char[__builtin_types_compatible_p(__typeof__(((struct s *)0)->field), type)    \
				 ? 1                                                               \
				 : -1]))
// Enums are types of their own; their width is what value.c relies on.
#define AT_ENUM(s, field)                                                                          \
	(offsetof(struct s, field) +                                                               \
	 0 * sizeof(char[sizeof(((struct s *)0)->field) == sizeof(unsigned) ? 1 : -1]))

#define KiB (UINT64_C(1) << 10)
#define MiB (UINT64_C(1) << 20)
#define GiB (UINT64_C(1) << 30)
#define MS  UINT64_C(1000)
#define S   UINT64_C(1000000)
#define H   (3600 * S)

#define ON_RESTART .reload = SCHEMA_RESTART
#define ON_NEXT    .reload = SCHEMA_NEXT
#define ON_NOW     .reload = SCHEMA_NOW

// clang-format off
#define SECTION(path_, text_) \
	{.path = path_, .type = SCHEMA_SECTION, .sentence = text_}
#define BLOCKS(path_, s_, field_, item_, max_, dflt_, shows_, when_, text_) \
	{.path = path_, .type = SCHEMA_BLOCKS, .max = max_, .dflt = dflt_, when_, \
	 .offset = AT(s_, field_, struct item_ *), .count_offset = AT(s_, n_##field_, uint32_t), \
	 .item_size = sizeof(struct item_), .shows_item = shows_, .sentence = text_}
#define NUMBER(path_, type_, s_, field_, min_, max_, dflt_, when_, text_) \
	{.path = path_, .type = type_, .min = min_, .max = max_, .dflt = dflt_, when_, \
	 .offset = AT(s_, field_, uint64_t), .sentence = text_}
#define COUNT(path_, ...)    NUMBER(path_, SCHEMA_COUNT, __VA_ARGS__)
#define DURATION(path_, ...) NUMBER(path_, SCHEMA_DURATION, __VA_ARGS__)
#define SIZE(path_, ...)     NUMBER(path_, SCHEMA_SIZE, __VA_ARGS__)
#define RATE(path_, ...)     NUMBER(path_, SCHEMA_RATE, __VA_ARGS__)
#define BOOL(path_, s_, field_, dflt_, when_, text_) \
	{.path = path_, .type = SCHEMA_BOOL, .dflt = dflt_, when_, \
	 .offset = AT(s_, field_, _Bool), .sentence = text_}
#define CHOICE(path_, s_, field_, choices_, dflt_, when_, text_) \
	{.path = path_, .type = SCHEMA_CHOICE, .choices = choices_, .dflt = dflt_, when_, \
	 .offset = AT_ENUM(s_, field_), .sentence = text_}
#define ORDER(path_, s_, field_, choices_, min_, max_, dflt_, when_, text_) \
	{.path = path_, .type = SCHEMA_ORDER, .choices = choices_, .min = min_, .max = max_, \
	 .dflt = dflt_, when_, .offset = AT(s_, field_, struct config_order), .sentence = text_}
#define STRING(path_, type_, s_, field_, min_, max_, dflt_, example_, when_, text_) \
	{.path = path_, .type = type_, .min = min_, .max = max_, .dflt = dflt_, \
	 .example = example_, when_, .offset = AT(s_, field_, const char *), .sentence = text_}
#define ADDR(path_, type_, s_, field_, dflt_, example_, when_, text_) \
	{.path = path_, .type = type_, .dflt = dflt_, .example = example_, when_, \
	 .offset = AT(s_, field_, struct config_addr), .sentence = text_}
#define ITEMS(path_, type_, s_, field_, ctype_, max_, dflt_, when_, text_) \
	{.path = path_, .type = type_, .max = max_, .dflt = dflt_, when_, \
	 .offset = AT(s_, field_, ctype_), .sentence = text_
#define TEXTS(path_, s_, field_, count_, max_, dflt_, when_, text_) \
	ITEMS(path_, SCHEMA_TEXTS, s_, field_, const char **, max_, dflt_, when_, text_), \
	 .count_offset = AT(s_, count_, uint32_t)}
#define NETS(path_, s_, field_, count_, max_, dflt_, when_, text_) \
	ITEMS(path_, SCHEMA_NETS, s_, field_, struct config_addr *, max_, dflt_, when_, text_), \
	 .count_offset = AT(s_, count_, uint32_t)}
#define PREFIXES(path_, s_, field_, count_, max_, dflt_, example_, when_, text_) \
	ITEMS(path_, SCHEMA_PREFIXES, s_, field_, struct config_addr *, max_, dflt_, when_, text_), \
	 .example = example_, .count_offset = AT(s_, count_, uint32_t)}
#define HOSTS(path_, s_, field_, count_, max_, dflt_, when_, text_) \
	ITEMS(path_, SCHEMA_HOSTS, s_, field_, struct config_addr *, max_, dflt_, when_, text_), \
	 .count_offset = AT(s_, count_, uint32_t)}
#define ADDRS(path_, s_, field_, count_, max_, dflt_, when_, text_) \
	ITEMS(path_, SCHEMA_ADDRESSES, s_, field_, struct config_addr *, max_, dflt_, when_, text_), \
	 .count_offset = AT(s_, count_, uint32_t)}

#define UNIX_PATH_MAX 107 // sun_path has 108 octets, one of them the zero

const struct schema_key schema_keys[] = {

SECTION("identity", "Who this super-peer is."),
STRING("identity.file", SCHEMA_PATH, config, identity_file, 1, 4095, "/var/lib/annulus/identity",
	NULL, ON_RESTART,
	"Certificates and private keys of both endpoints: whoever reads it can pose as this super-peer. "
	"Created with mode 0600 on the first start, in a directory that is created with it."),

CHOICE("backend", config, backend, "dpdk|udp", "dpdk", ON_RESTART,
	"What moves packets: DPDK on the ports below, or the kernel's UDP sockets."),

SECTION("endpoints", "Two UDP ports with a certificate each. A peer opens a session to both."),
SECTION("endpoints.server", "Introducer and NetConnection server: what members connect to."),
ADDR("endpoints.server.address", SCHEMA_ADDRESS, config, server.address, "0.0.0.0", NULL, ON_RESTART,
	"Address to answer on; 0.0.0.0 is every address of the ports, or of IPv4 on the machine."),
COUNT("endpoints.server.port", config, server.port, 1, 65535, "1935", ON_RESTART, "UDP port."),
ADDRS("endpoints.server.public", config, server.public_addresses, server.n_public_addresses,
	8, "", ON_NEXT,
	"Addresses to tell others, if they differ from the above because a NAT stands in between; "
	"with :PORT if the port differs too."),
SECTION("endpoints.member", "The group member: neighbours exchange streams with this one."),
ADDR("endpoints.member.address", SCHEMA_ADDRESS, config, member.address, "0.0.0.0", NULL, ON_RESTART,
	"Address to answer on."),
COUNT("endpoints.member.port", config, member.port, 1, 65535, "1936", ON_RESTART, "UDP port."),
ADDRS("endpoints.member.public", config, member.public_addresses, member.n_public_addresses,
	8, "", ON_NEXT, "Addresses to tell others."),

BLOCKS("ports", config, ports, config_port, 16, "", 1, ON_RESTART,
	"DPDK ports (backend: dpdk); none unless listed. The one shown works on any machine: a TAP "
	"interface that the kernel sees as annulus0."),
STRING("ports[].name", SCHEMA_NAME, config_port, name, 1, 32, NULL, "p0", ON_RESTART,
	"A name for logs and tables."),
STRING("ports[].device", SCHEMA_TEXT, config_port, device, 1, 255, NULL, "net_tap0,iface=annulus0",
	ON_RESTART,
	"A PCI address (0000:3b:00.0) or a virtual device with its arguments "
	"(net_af_packet0,iface=eth1,qdisc_bypass=1)."),
PREFIXES("ports[].address", config_port, addresses, n_addresses, 8, NULL, "10.99.0.1/24", ON_RESTART,
	"Our address on this network with its prefix length, or a list of such, IPv4 and IPv6 "
	"([10.99.0.1/24, '2001:db8::1/64']). The kernel must not have them too. With IPv6, the port also "
	"has its link-local address; addresses of IPv6 are in use a second after the start, once nobody "
	"else was found to have them."),
HOSTS("ports[].gateway", config_port, gateways, n_gateways, 2, "none", ON_RESTART,
	"Next hop to everywhere else, or one for IPv4 and one for IPv6."),
BOOL("ports[].router_advertisements", config_port, router_advertisements, "false", ON_RESTART,
	"Whether a router that advertises itself becomes the gateway of IPv6, where none is given. Anybody "
	"on this network may call himself a router."),
COUNT("ports[].vlan", config_port, vlan, 0, 4094, "0", ON_RESTART,
	"Number of the virtual network (802.1Q): every frame sent has its tag, and only frames with it are "
	"taken. 0: frames without tag, or with one that has a priority alone."),
COUNT("ports[].mtu", config_port, mtu, 1280, 9000, "1500", ON_RESTART,
	"Largest IP packet in octets."),
COUNT("ports[].queues", config_port, queues, 0, 16, "0", ON_RESTART,
	"Receive queues, each served by a worker of its own, among which the device spreads senders; 0: one per "
	"worker, or as many as the device has. Kernel interfaces (af_packet, TAP) and virtio have one per worker "
	"in any case. With fewer than workers, sessions are spread over the workers all the same, and what comes "
	"in for another one is handed over."),
CHOICE("ports[].udp_checksum", config_port, udp_checksum, "auto|on|off", "auto", ON_RESTART,
	"Whether UDP checksums of received packets must be right. auto: where the device can tell. "
	"RTMFP has its own check behind it, so without such a device only the first packets of a session "
	"are looked at."),
BOOL("ports[].port_unreachable", config_port, port_unreachable, "false", ON_RESTART,
	"Whether datagrams to other UDP ports are answered by ICMP, at most 100 a second and worker. "
	"Silence tells strangers less."),

SECTION("eal", "DPDK's run-time layer (backend: dpdk)."),
SIZE("eal.memory", config, eal.memory_bytes, 64 * MiB, 1024 * GiB, "256MiB", ON_RESTART,
	"Memory for packet buffers, taken at start."),
CHOICE("eal.hugepages", config, eal.hugepages, "auto|on|off", "auto", ON_RESTART,
	"auto: if the machine has enough free ones. Without them packets cost about a quarter more."),
TEXTS("eal.args", config, eal.args, eal.n_args, 32, "", ON_RESTART,
	"Further EAL arguments, one word each."),

SECTION("workers", "The threads that handle packets."),
COUNT("workers.count", config, workers.count, 1, 16, "1", ON_RESTART,
	"How many, each with its own queues of the ports, or its own sockets."),
STRING("workers.cores", SCHEMA_CPUS, config, workers.cores, 0, 255, "", NULL, ON_RESTART,
	"A core for each, such as 2-3,6; empty: wherever the kernel puts them."),
CHOICE("workers.idle", config, workers.idle, "sleep|adaptive|spin", "adaptive", ON_RESTART,
	"What a worker does without packets: sleep at once; poll on for as long as packets lately came "
	"soon, then sleep; poll on and keep its core at 100 %. A port that cannot wake it (ring, memif, "
	"vhost, pcap) makes its sleeps short ones. On kernel sockets they always sleep at once."),
DURATION("workers.spin_max", config, workers.spin_max_us, 0, 100 * MS, "50us", ON_RESTART,
	"Longest that an adaptive worker polls on; the second half of it with pauses of the CPU."),
DURATION("workers.sleep_min", config, workers.sleep_min_us, 1, 100 * MS, "50us", ON_RESTART,
	"First of the short sleeps, after an empty poll; it doubles with every further one."),
DURATION("workers.sleep_max", config, workers.sleep_max_us, 1, 100 * MS, "1ms", ON_RESTART,
	"Longest of the short sleeps."),

SECTION("limits", "What others can make grow. Memory for it is taken at start."),
COUNT("limits.sessions", config, limits.sessions, 16, 1 << 18, "16384", ON_RESTART,
	"Open sessions of a worker. A member has two, one to each endpoint."),
COUNT("limits.sessions_per_address", config, limits.sessions_per_address, 1, 1 << 20, "8192", ON_NOW,
	"Open sessions with one IP address: thousands of members may share a NAT."),
COUNT("limits.handshakes_per_s", config, limits.handshakes_per_s, 1, 1000000, "2000", ON_NOW,
	"Handshakes answered a second. One costs about 0.1 to 0.3 ms of a core."),
COUNT("limits.handshakes_per_address_per_s", config, limits.handshakes_per_address_per_s,
	1, 1000000, "400", ON_NOW,
	"The same for one IP address. Of its startup packets four times as many are looked at, and of all "
	"in its /24 or /48 four times that, or a quarter of it while sessions keep the worker busy; the "
	"rest is dropped before it is decrypted."),
COUNT("limits.handshake_burst_per_address", config, limits.handshake_burst_per_address,
	1, 1000000, "1000", ON_NOW, "How many of one IP address are answered before its rate counts."),
COUNT("limits.handshakes_pending", config, limits.handshakes_pending, 16, 65536, "4096", ON_RESTART,
	"Handshakes that wait for their public-key work."),
COUNT("limits.introductions_per_s", config, limits.introductions_per_s, 1, 10000000, "20000", ON_NOW,
	"Hellos for other peers that are passed on a second."),
COUNT("limits.flows_per_session", config, limits.flows_per_session, 8, 64, "64", ON_RESTART,
	"Flows that a peer may have open in a session."),
COUNT("limits.packet", config, limits.packet, 1280, 9000, "1500", ON_RESTART,
	"Largest IP packet that is tried where a path may carry more than 1280 octets, which every "
	"session begins with; 1280: none. Never more than ports[].mtu, or 2048 with kernel sockets."),
SIZE("limits.message", config, limits.message_bytes, 16 * KiB, 2 * MiB, "1MiB", ON_RESTART,
	"Largest message that is put together from fragments, its header of 5 octets included; a longer "
	"one is left out. Key frames of live streams are the longest: limits.live_queue and "
	"limits.live_backlog have to hold them, too."),
SIZE("limits.reassembly", config, limits.reassembly_bytes, 64 * KiB, 64 * MiB, "1MiB", ON_RESTART,
	"Unfinished messages of a session, together, beyond the first 256 KiB of each flow."),
SIZE("limits.window_memory", config, limits.window_memory_bytes, 4 * MiB, 1024 * GiB, "128MiB",
	ON_RESTART,
	"Stream windows of a worker, together. A stream takes its bit rate times (window + margin): "
	"2 Mbit/s with the defaults below is 2.5 MB."),
COUNT("limits.groups", config, limits.groups, 1, 1 << 20, "4096", ON_NOW,
	"Groups known at a time, those listed below included."),
COUNT("limits.members_per_group", config, limits.members_per_group, 2, 1 << 20, "65536", ON_NOW,
	"Members remembered in a group."),
COUNT("limits.neighbours_per_group", config, limits.neighbours_per_group, 1, 1 << 20, "16384", ON_NOW,
	"Members of a group that we are connected to."),
COUNT("limits.streams_per_group", config, limits.streams_per_group, 1, 65536, "64", ON_NOW,
	"Streams carried in a group."),
COUNT("limits.live_streams", config, limits.live_streams, 1, 4096, "256", ON_RESTART,
	"Streams that clients publish to the server, or wait for, without a group."),
COUNT("limits.live_streams_per_app", config, limits.live_streams_per_app, 1, 4096, "64", ON_RESTART,
	"The same in one application instance."),
COUNT("limits.live_players", config, limits.live_players, 1, 65536, "1000", ON_RESTART,
	"Clients that play one of them."),
SIZE("limits.live_queue", config, limits.live_queue_bytes, 64 * KiB, 64 * MiB, "2MiB", ON_RESTART,
	"Sent to one client of such a stream and not yet acknowledged or given up. Who is slower loses "
	"pictures until the next key frame."),
SIZE("limits.live_backlog", config, limits.live_backlog_bytes, 64 * KiB, 64 * MiB, "2MiB", ON_RESTART,
	"Kept of one such stream, so that newcomers begin at its newest key frame at once: its bit rate "
	"times twice the distance of key frames."),
RATE("limits.bandwidth", config, limits.bandwidth_bits, 100 * 1000, CONFIG_UNLIMITED, "unlimited",
	ON_NOW, "Sent by the whole appliance, in octets of IP packets; any second is within 2 % of it. When "
	"it is short, these are shed in this order: hellos, handshakes and introductions, postings, "
	"objects, repairs of streams, and only then live media; acknowledgements and control always "
	"leave. SIGHUP or annulusctl limit changes it while it runs."),
RATE("limits.neighbour_bandwidth", config, limits.neighbour_bandwidth_bits, 100 * 1000,
	CONFIG_UNLIMITED, "unlimited", ON_NOW, "The same of each session."),

SECTION("security", "What sessions are made of."),
ORDER("security.dh_groups", config, security.dh_groups, "2|5|14|16", 1, CONFIG_ORDER_MAX, "14|5|2",
	ON_RESTART,
	"Diffie-Hellman groups that are accepted, the most preferred first. The server's certificate "
	"lists them in this order; with 2, 5 and 14 it is the one that old peers know, with any others "
	"they refuse it and its peer ID is another. The member's has keys of 2 and 14, of which one "
	"has to be listed."),
CHOICE("security.dh_group_min", config, security.dh_group_min, "2|5|14|16", "2", ON_RESTART,
	"The weakest group that is accepted; weaker ones of the list count as if they were not there. "
	"Anything but 2 shuts out old peers, which know no other, and annulus-peer without --dh 14, and "
	"changes both peer IDs."),
CHOICE("security.hmac", config, security.hmac, "off|prefer|require", "prefer", ON_NEXT,
	"Whether packets have an HMAC in place of a checksum. prefer: if the peer offers it, too; "
	"require: peers that do not, such as old ones, are refused."),
COUNT("security.hmac_length", config, security.hmac_length, 4, 32, "16", ON_NEXT,
	"Octets of an HMAC that we send; the peer decides about its own. Up to 12 cost no room for "
	"payload, 16 is half of the hash."),
CHOICE("security.sequence_numbers", config, security.sequence_numbers, "off|prefer|require",
	"prefer", ON_NEXT,
	"Whether packets have session sequence numbers, which stop replays. prefer and require as "
	"above."),

BOOL("introduce_unlisted", config, introduce_unlisted, "true", ON_NOW,
	"Whether members of groups that are not listed below are introduced to each other. The "
	"super-peer does not join such groups."),

BOOL("extension", config, extension, "true", ON_RESTART,
	"Whether posting and directed routing are offered, by an extension that annulus members alone "
	"speak. All others see one flag in member reports."),

BLOCKS("groups", config, groups, config_group, 16384, "", 0, ON_NOW,
	"Groups that the super-peer is a member of."),
STRING("groups[].name", SCHEMA_NAME, config_group, name, 1, 64, NULL, "news", ON_NOW,
	"A name for logs and tables."),
STRING("groups[].spec", SCHEMA_TEXT, config_group, spec, 0, CONFIG_GROUPSPEC_MAX, "",
	"G:0123456789abcdef", ON_NOW,
	"The groupspec, as annulus-peer groupspec prints it. Whoever knows it can join."),
STRING("groups[].file", SCHEMA_PATH, config_group, file, 0, 4095, "", NULL, ON_NOW,
	"Or a file that holds it. Give one of the two."),
COUNT("groups[].members", config_group, members, 0, 1 << 20, "0", ON_NOW,
	"Members remembered; 0: as many as limits.members_per_group."),
COUNT("groups[].neighbours", config_group, neighbours, 0, 1 << 20, "0", ON_NOW,
	"Members connected to; 0: as many as limits.neighbours_per_group."),
COUNT("groups[].streams", config_group, streams, 0, 65536, "0", ON_NOW,
	"Streams carried; 0: as many as limits.streams_per_group."),
RATE("groups[].bandwidth", config_group, bandwidth_bits, 100 * 1000, CONFIG_UNLIMITED, "unlimited",
	ON_NOW, "Sent to this group, all neighbours together, counted as limits.bandwidth is: streams, and its "
	"own messages, of which postings and objects wait."),
TEXTS("groups[].publishers", config_group, publishers, n_publishers, 64, "", ON_NOW,
	"Peer IDs whose streams are carried, if the groupspec has a publish password: on the wire "
	"nobody can prove to know it."),
SECTION("groups[].multicast",
	"How streams are kept and fetched. availability_period < fetch_period < window."),
CHOICE("groups[].multicast.preset", config_group, multicast.preset, "default|low|ultra-low", "default", ON_NEXT,
	"What of window, fetch_period and availability_period is not given: low, for streams that are published with "
	"--preset low, is 3s, 80ms and 50ms; ultra-low, for a LAN, 1s, 25ms and 20ms."),
DURATION("groups[].multicast.window", config_group, multicast.window_us, 100 * MS, 120 * S, "120s",
	ON_NEXT, "Longest time that a stream's data is kept; its publisher may say less."),
DURATION("groups[].multicast.relay_margin", config_group, multicast.relay_margin_us, 0, 60 * S, "2s",
	ON_NEXT, "How much longer it is kept for others."),
DURATION("groups[].multicast.fetch_period", config_group, multicast.fetch_period_us, 10 * MS, 30 * S,
	"250ms", ON_NEXT,
	"From hearing that a neighbour has something to asking for it, unless the publisher says less. "
	"Members wait 2.5 s; the super-peer is where they repair from."),
DURATION("groups[].multicast.availability_period", config_group, multicast.availability_period_us,
	5 * MS, 10 * S, "100ms", ON_NEXT, "Between two announcements of what we have."),
COUNT("groups[].multicast.push_neighbours", config_group, multicast.push_neighbours, 0, 1 << 20, "0",
	ON_NOW, "How many neighbours get fragments unasked; 0: all that want them."),
SECTION("groups[].posting", "What members post is passed on and held for those who come later."),
DURATION("groups[].posting.keep", config_group, posting.keep_us, 10 * S, 3600 * S, "300s", ON_RESTART,
	"How long a message is held and offered; members hold theirs for 300 s."),
SIZE("groups[].posting.memory", config_group, posting.memory_bytes, 1 * MiB, 16 * GiB, "16MiB",
	ON_RESTART, "For the messages that are held; then the oldest are dropped."),
SECTION("groups[].mirror", "Objects of the group are kept on disk and given when nobody else does."),
BOOL("groups[].mirror.enabled", config_group, mirror.is_enabled, "false", ON_RESTART,
	"Whether that is done. If object 0 is what annulus-peer share made it, all others are verified."),
SIZE("groups[].mirror.size", config_group, mirror.bytes_max, 1 * MiB, 1024 * 1024 * GiB, "4GiB",
	ON_RESTART, "Objects beyond it are not kept; what is kept stays."),
STRING("groups[].mirror.root", SCHEMA_TEXT, config_group, mirror.root, 0, 64, "", NULL, ON_RESTART,
	"What annulus-peer share printed: the one file that is kept. Else it is the first that a member "
	"offers, for ever."),
COUNT("groups[].mirror.files", config_group, mirror.files, 1, 4096, "1", ON_RESTART,
	"How many files of the group are kept, those of the numbers (annulus-peer share --number) from 0 on. "
	"With 1, object 0 may be anything, and then all objects are kept as they come."),
DURATION("groups[].mirror.idle", config_group, mirror.idle_us, 1 * S, 365 * 24 * H, "1h", ON_RESTART,
	"A file for which there is no room in groups[].mirror.size takes the place of the one that was asked "
	"for least recently, if nobody has begun to fetch that for so long; else it waits."),
BOOL("groups[].lan", config_group, is_lan, "false", ON_RESTART,
	"Whether members of the same network are met by IP multicast, too, at the addresses that the "
	"groupspec names (annulus-peer groupspec --lan); with DPDK on every port, and routers and "
	"switches are told by IGMPv3 and MLDv2."),
COUNT("groups[].multicast_ttl", config_group, multicast_ttl, 0, 255, "0", ON_RESTART,
	"Streams of this group are sent to the groupspec's IP multicast addresses, too, with so many "
	"hops to go (1: this network); 0: not. Members repair from each other what is lost. Needs lan."),
BOOL("groups[].nearest", config_group, is_nearest, "true", ON_NOW,
	"Whether the super-peer takes a part of the ring as its own in directed routing (receive mode "
	"NEAREST), and passes on what looks for the nearest member; else it is EXACT."),

{.path = "apps", .type = SCHEMA_BLOCKS, .max = 256, .dflt = "", ON_NOW,
	.offset = AT(config, apps, struct config_app *), .count_offset = AT(config, n_apps, uint32_t),
	.item_size = sizeof(struct config_app), .short_key = "name", .sentence =
	"Applications (rtmfp://host/APP or /APP/INSTANCE) that members may connect to; none listed: any "
	"name, anybody. An item is a name alone, or a name and whom it is for: what is denied stays "
	"out, and an allow list that is not empty lets nobody else in."},
STRING("apps[].name", SCHEMA_TEXT, config_app, name, 1, 64, NULL, "live", ON_NOW,
	"The name, without an instance."),
NETS("apps[].allow_addresses", config_app, allow_addresses, n_allow_addresses, 256, "", ON_NOW,
	"Addresses or networks (192.0.2.0/24) that clients may come from."),
NETS("apps[].deny_addresses", config_app, deny_addresses, n_deny_addresses, 256, "", ON_NOW,
	"Addresses or networks that they may not come from."),
TEXTS("apps[].allow_peers", config_app, allow_peers, n_allow_peers, 1024, "", ON_NOW,
	"Peer IDs that may connect. Peers that keep their identity in a file have a lasting one."),
TEXTS("apps[].deny_peers", config_app, deny_peers, n_deny_peers, 1024, "", ON_NOW,
	"Peer IDs that may not."),
TEXTS("apps[].pages", config_app, pages, n_pages, 64, "", ON_NOW,
	"Hosts of web pages (pageUrl) that players may sit in: example.com, or *.example.com for all "
	"below it. Players say so themselves: this keeps other sites out, not liars."),
TEXTS("apps[].players", config_app, players, n_players, 64, "", ON_NOW,
	"Hosts that players themselves (swfUrl) may come from, likewise."),
TEXTS("apps[].keys", config_app, keys, n_keys, 64, "", ON_NOW,
	"Secrets, one of which a client has to know: as the instance (rtmfp://host/APP/KEY; APP/KEY has "
	"at most 127 characters) or as its first argument to connect."),

SECTION("objects", "The store of groups that are mirrored."),
STRING("objects.directory", SCHEMA_PATH, config, objects_directory, 1, 4095,
	"/var/lib/annulus/objects", NULL, ON_RESTART,
	"Where it lies; made if need be. Nothing else than one annulusd may use it."),
SIZE("objects.memory", config, objects_memory_bytes, 0, 1024 * GiB, "256MiB", ON_RESTART,
	"For what is asked for most recently: workers give it by themselves, each from a part of its own "
	"(annulusctl store). It is taken as it is used. 0: everything is read from the store."),

SECTION("keepalive", "How often clients are told to show that they are there."),
DURATION("keepalive.behind_nat", config, keepalive.behind_nat_us, 1 * S, 1 * H, "15s", ON_NEXT,
	"A NAT forgets a silent peer, often after 30 s."),
DURATION("keepalive.public", config, keepalive.public_us, 1 * S, 1 * H, "20s", ON_NEXT,
	"Clients whose own address is the one we see."),

SECTION("admin", "Control by annulusctl."),
STRING("admin.socket", SCHEMA_PATH, config, admin_socket, 1, UNIX_PATH_MAX, "/run/annulus.sock", NULL,
	ON_RESTART, "Unix socket; only its owner may use it."),

SECTION("log", "Messages for the operator."),
CHOICE("log.level", config, log.level, "error|warning|notice|info|debug", "notice", ON_NOW,
	"The least important kind that is written."),
STRING("log.target", SCHEMA_PATH, config, log.target, 1, 4095, "stderr", NULL, ON_NOW,
	"stderr, or a file that is appended to."),
};
// clang-format on

const size_t schema_n_keys = sizeof(schema_keys) / sizeof(schema_keys[0]);

bool schema_is_child(const struct schema_key *key, const char *parent, const char **name)
{
	size_t len = strlen(parent);

	*name = key->path;
	if (len > 0) {
		if (strncmp(key->path, parent, len) != 0 || key->path[len] != '.')
			return 0;
		*name = key->path + len + 1;
	}
	return strchr(*name, '.') == NULL;
}

const struct schema_key *schema_find(const char *parent, const char *name, size_t len)
{
	const char *word;

	for (size_t i = 0; i < schema_n_keys; i++)
		if (schema_is_child(&schema_keys[i], parent, &word) && strlen(word) == len &&
		    memcmp(word, name, len) == 0)
			return &schema_keys[i];
	return NULL;
}
