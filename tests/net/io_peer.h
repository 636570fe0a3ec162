// A peer of the appliance in another network namespace: a process that does with its kernel what it
// is asked over a socket. Started before DPDK, since that must not be forked.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct io_peer;

// netns: path of its namespace. far: the appliance, whom all this is about.
struct io_peer *io_peer_start(const char *netns, const char *far_ip, uint16_t far_port);
void io_peer_stop(struct io_peer *);

// Echo requests one after the other, each waited for up to 2 s; how many came back.
uint32_t io_peer_ping(struct io_peer *, uint32_t n);
// The MAC the kernel has for the appliance; false: none.
bool io_peer_arp(struct io_peer *, uint8_t mac[6]);
// n datagrams of random octets and lengths, no faster than the appliance can take (a ping now and
// then). All were taken when it returns; how many left.
uint32_t io_peer_flood(struct io_peer *, uint32_t n);
// Sends a datagram and waits up to 2 s for an answer; its length, 0: none.
uint16_t io_peer_ask(struct io_peer *, const void *datagram, uint16_t len, uint8_t answer[2048]);
// n datagrams of len octets in one send, left to the card to cut (UDP_SEGMENT). False: the kernel
// would not.
bool io_peer_burst(struct io_peer *, uint32_t n, uint16_t len);
