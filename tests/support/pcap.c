#include "tests/support/pcap.h"

#include <stdio.h>
#include <stdlib.h>

#include "dataplane/wire/cursor.h"

#define MAGIC_US          0xa1b2c3d4 // in the writer's byte order
#define FILE_HEADER_LEN   24
#define RECORD_HEADER_LEN 16
#define LINKTYPE_RAW      101
#define IP_HEADER_LEN     20
#define IP_PROTO_UDP      17
#define UDP_HEADER_LEN    8

struct pcap {
	uint8_t *octets;
	size_t len;
	uint32_t n;
	struct pcap_datagram *datagrams;
};

static void __attribute__((noreturn)) broken(const char *what)
{
	fprintf(stderr, "vectors: pcap: %s\n", what);
	abort();
}

static void *take(size_t n, size_t size)
{
	void *p = calloc(n, size);

	if (p == NULL)
		broken("out of memory");
	return p;
}

static uint32_t le32(const uint8_t *at)
{
	return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 |
	       (uint32_t)at[3] << 24;
}

static void slurp(struct pcap *p, const char *name)
{
	char path[512];
	FILE *f;
	long len;

	snprintf(path, sizeof(path), "%s/%s", VECTORS_DIR, name);
	f = fopen(path, "rb");
	if (f == NULL || fseek(f, 0, SEEK_END) != 0 || (len = ftell(f)) < FILE_HEADER_LEN)
		broken("cannot be read");
	p->len = (size_t)len;
	p->octets = take(p->len, 1);
	rewind(f);
	if (fread(p->octets, 1, p->len, f) != p->len)
		broken("cannot be read");
	fclose(f);
	if (le32(p->octets) != MAGIC_US || le32(p->octets + 20) != LINKTYPE_RAW)
		broken("not little-endian microseconds of raw IP");
}

static struct msg_addr address(const uint8_t *ip, const uint8_t *port)
{
	struct msg_addr a = {.port = be16_get(port), .family = 4};

	memcpy(a.ip, ip, 4);
	return a;
}

static void dissect(struct pcap_datagram *d, const uint8_t *ip, uint32_t len)
{
	const uint8_t *udp = ip + IP_HEADER_LEN;

	if (len < IP_HEADER_LEN + UDP_HEADER_LEN || ip[0] != 0x45 || ip[9] != IP_PROTO_UDP ||
	    be16_get(ip + 2) != len || be16_get(udp + 4) != len - IP_HEADER_LEN)
		broken("a packet is no plain UDP datagram");
	d->src = address(ip + 12, udp);
	d->dst = address(ip + 16, udp + 2);
	d->payload = span_of(udp + UDP_HEADER_LEN, len - IP_HEADER_LEN - UDP_HEADER_LEN);
}

struct pcap *pcap_load(const char *name)
{
	struct pcap *p = take(1, sizeof(*p));

	slurp(p, name);
	p->datagrams = take(p->len / RECORD_HEADER_LEN, sizeof(*p->datagrams));
	for (size_t at = FILE_HEADER_LEN; at < p->len;) {
		const uint8_t *record = p->octets + at;
		struct pcap_datagram *d = &p->datagrams[p->n++];
		uint32_t len;

		if (p->len - at < RECORD_HEADER_LEN)
			broken("cut in a record's header");
		len = le32(record + 8);
		if (le32(record + 12) != len || p->len - at - RECORD_HEADER_LEN < len)
			broken("cut in a packet");
		d->at_us = (uint64_t)le32(record) * 1000000 + le32(record + 4);
		dissect(d, record + RECORD_HEADER_LEN, len);
		at += RECORD_HEADER_LEN + len;
	}
	return p;
}

void pcap_free(struct pcap *p)
{
	free(p->datagrams);
	free(p->octets);
	free(p);
}

uint32_t pcap_n(const struct pcap *p)
{
	return p->n;
}

const struct pcap_datagram *pcap_at(const struct pcap *p, uint32_t index)
{
	if (index >= p->n)
		broken("there is no such packet");
	return &p->datagrams[index];
}
